from __future__ import annotations

import pytest

from tests.control.conftest import Desk
from workstreams.control import dead as module
from workstreams.control import discard_all, retry_all


@pytest.fixture
def letters(desk: Desk) -> list[str]:
    """Five dead letters, every second of another actor."""
    desk.rig.open("s1", "mail")
    jobs = desk.rig.send("mail", 5)
    for place, given in enumerate(desk.rig.ask("s1", "mail", 5).grants):
        desk.rig.tell("s1", given.end("dead"))
        if place % 2:
            desk.rig.client.hset(desk.rig.keys.workstream("mail", "job", given.id), "actor", "other")
    return jobs


def test_all_dead_letters_of_an_actor_are_retried_and_the_others_stay(
    desk: Desk, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    assert retry_all(desk.link, "mail", "act") == 3
    assert [desk.rig.state("mail", job) for job in letters] == [
        "waiting",
        "dead",
        "waiting",
        "dead",
        "waiting",
    ]
    assert retry_all(desk.link, "mail", "nobody") == 0
    assert retry_all(desk.link, "mail") == 2
    assert desk.counted()


def test_all_dead_letters_of_an_error_are_retried_and_the_others_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    desk.rig.open("s1", "mail")
    jobs = desk.rig.send("mail", 6)
    errors = ['{"type":"OSError"}', '{"type":"OSErrors"}', "no JSON"] * 2
    for given, error in zip(desk.rig.ask("s1", "mail", 6).grants, errors, strict=True):
        desk.rig.tell("s1", given.end("dead", err=error))
    record = desk.rig.keys.workstream("mail", "job", jobs[3])
    desk.rig.client.hset(record, "actor", "other")
    assert retry_all(desk.link, "mail", error="OSErro") == 0
    assert retry_all(desk.link, "mail", actor="act", error="OSError") == 1
    assert discard_all(desk.link, "mail", error="OSError") == 1
    states = [desk.rig.state("mail", job) for job in jobs]
    assert states == ["waiting", "dead", "dead", "discarded", "dead", "dead"]


def test_all_dead_letters_are_discarded_in_batches(
    desk: Desk, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    assert discard_all(desk.link, "mail", "other") == 2
    assert discard_all(desk.link, "mail") == 3
    assert {desk.rig.state("mail", job) for job in letters} == {"discarded"}
    assert discard_all(desk.link, "mail") == 0


def test_a_letter_that_dies_again_meanwhile_is_left_for_the_next_time(
    desk: Desk, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rounds = module.retry_jobs, []

    def retry_and_die(link: object, ws: str, jobs: list[str], only: str) -> object:
        found = real(desk.link, ws, jobs, only)
        for given in desk.rig.ask("s1", "mail", 5).grants:
            desk.rig.advance(1)
            desk.rig.tell("s1", given.end("dead"))
        rounds.append(len(jobs))
        return found

    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "retry_jobs", retry_and_die)
    assert retry_all(desk.link, "mail") == len(letters)
    assert sum(rounds) == len(letters)
