from __future__ import annotations

import pytest

from tests.control.conftest import Desk
from tests.lua.rig import SECOND
from tests.support import events_in
from workstreams.control import purge
from workstreams.control import purging as module


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)


def purged(desk: Desk) -> list[dict[str, str]]:
    return events_in(desk.rig.client, desk.rig.keys.workstream("mail", "log"), "discarded")


def test_waiting_jobs_of_all_keys_and_those_just_due_are_discarded_and_what_runs_goes_on(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [runs] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail", 1).grants
    waits = [
        *desk.rig.send("mail", 3, key="k"),
        *desk.rig.send("mail", 2, key="m"),
        *desk.rig.send("mail", due="+5"),
    ]
    [later] = desk.rig.send("mail", due=f"+{SECOND}")
    desk.rig.advance(10)
    assert purge(desk.link, "mail", "waiting") == 6
    assert {desk.rig.state("mail", job) for job in waits} == {"discarded"}
    assert (desk.rig.state("mail", runs), desk.rig.state("mail", later)) == ("running", "scheduled")
    assert desk.counted()
    assert desk.rig.waiting("mail") == 0
    desk.rig.tell("s1", given.end("done"))
    assert desk.rig.ask("s1", "mail").ids == []


def test_each_batch_is_an_event_that_says_how_many_and_each_job_says_why(desk: Desk) -> None:
    jobs = desk.rig.send("mail", 5)
    assert purge(desk.link, "mail", "waiting") == 5
    assert [event["x"].count('"count":') for event in purged(desk)] == [1, 1, 1]
    assert sum(int(event["x"].split('"count":')[1].split(",")[0].rstrip("}")) for event in purged(desk)) == 5
    assert "purged" in desk.rig.job("mail", jobs[0])["error"]
    assert desk.rig.client.hget(desk.rig.keys.workstream("mail", "count"), "discarded") == b"5"


def test_scheduled_and_dead_ones_are_purged_by_themselves(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    dead = desk.rig.send("mail", 3)
    for given in desk.rig.ask("s1", "mail", 3).grants:
        desk.rig.tell("s1", given.end("dead"))
    later = desk.rig.send("mail", 3, due=f"+{SECOND}")
    [waits] = desk.rig.send("mail")
    assert purge(desk.link, "mail", "scheduled") == 3
    assert {desk.rig.state("mail", job) for job in later} == {"discarded"}
    assert {desk.rig.state("mail", job) for job in dead} == {"dead"}
    assert purge(desk.link, "mail", "dead") == 3
    assert {desk.rig.state("mail", job) for job in dead} == {"discarded"}
    assert desk.rig.state("mail", waits) == "waiting"
    assert purge(desk.link, "mail", "dead") == 0


def test_a_purge_ends_although_more_arrives_than_it_takes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.rig.send("mail", 4)
    real = module.call

    def call(*words: object) -> object:
        reply = real(*words)  # type: ignore[arg-type]  # passes on what it is given
        desk.rig.send("mail", 3)
        return reply

    monkeypatch.setattr(module, "call", call)
    assert purge(desk.link, "mail", "waiting") == 4
    assert desk.counted()
