"""Promises I2, I3 and I7 inside a workstream: what each key may do, and that no key waits for another."""

from __future__ import annotations

import pytest

from tests.lua.keyed import keyed, keys_of, leftovers, rated
from tests.lua.rig import SECOND, Rig


@pytest.fixture
def spaced(rig: Rig) -> Rig:
    """Each key may start two in a second, one after the other, and run one at a time."""
    return rated(rig, burst=1, concurrency=1)


def test_each_key_has_its_own_rate(rig: Rig) -> None:
    rated(rig)
    for key in ("a", "b"):
        rig.send("mail", 5, key=key)
    given = [one.key for one in rig.ask("s1", "mail", 9).grants]
    assert sorted(given) == ["a", "a", "b", "b"]
    answer = rig.ask("s1", "mail", 9)
    assert (answer.why["mail"], answer.wait["mail"]) == ("key", SECOND)
    rig.advance(SECOND)
    assert sorted(one.key for one in rig.ask("s1", "mail", 9).grants) == ["a", "a", "b", "b"]


def test_jobs_without_a_key_are_held_by_no_key(rig: Rig) -> None:
    rated(rig)
    rig.send("mail", 9)
    assert len(rig.ask("s1", "mail", 9).grants) == 9


def test_a_key_runs_no_more_at_once_than_it_may(rig: Rig) -> None:
    keyed(rig, concurrency=2)
    rig.send("mail", 5, key="a")
    rig.send("mail", 1, key="b")
    answer = rig.ask("s1", "mail", 9)
    assert sorted(one.key for one in answer.grants) == ["a", "a", "b"]
    assert (answer.why["mail"], answer.wait["mail"]) == ("key", -1)
    first = next(one for one in answer.grants if one.key == "a")
    assert [one.key for one in rig.ask("s1", "mail", 9, [first.end("done")]).grants] == ["a"]


def test_a_limited_key_delays_no_other(spaced: Rig) -> None:
    spaced.send("mail", 1000, key="whale")
    spaced.send("mail", 1, key="small")
    assert sorted(one.key for one in spaced.ask("s1", "mail", 9).grants) == ["small", "whale"]
    spaced.send("mail", 1, key="late")
    assert [one.key for one in spaced.ask("s1", "mail", 9).grants] == ["late"]


def test_a_send_to_a_held_key_wakes_nobody(spaced: Rig) -> None:
    spaced.send("mail", 2, key="a")
    spaced.ask("s1", "mail", 9)
    ears = spaced.listen("s1")
    spaced.send("mail", 2, key="a")
    assert ears.heard() == []
    spaced.send("mail", 1, key="b")
    assert ears.heard() == [("s1", "mail now")]


def test_a_slot_of_a_key_that_is_freed_elsewhere_wakes_somebody(spaced: Rig) -> None:
    spaced.open("s2", "mail")
    spaced.send("mail", 2, key="a")
    given = spaced.ask("s1", "mail", 1).grants
    assert spaced.ask("s2", "mail", 1).why["mail"] == "key"
    spaced.advance(SECOND)
    ears = spaced.listen("s1", "s2")
    spaced.tell("s1", given[0].end("done"))
    assert ears.heard() == [("s2", "mail now")]
    assert spaced.ask("s2", "mail", 1).ids


@pytest.mark.parametrize("end", ["done", "retry", "dead", "handback", "crash"])
def test_no_end_of_a_job_leaks_a_slot_of_its_key(spaced: Rig, end: str) -> None:
    spaced.send("mail", 3, key="a")
    given = spaced.ask("s1", "mail", 1).grants[0]
    if end == "crash":
        spaced.end("s1")
        spaced.open("s1", "mail")
    else:
        spaced.tell("s1", given.end(end, **({"at": SECOND} if end == "retry" else {})))
    assert leftovers(spaced, "holders:a") == []
    spaced.advance(SECOND)
    assert len(spaced.ask("s1", "mail", 9).grants) == 1


def test_idle_keys_leave_nothing_behind(rig: Rig) -> None:
    rated(rig, "50/s", concurrency=1)
    rig.send("mail", 1, key="warm")
    rig.tell("s1", *(one.end("done") for one in rig.ask("s1", "mail", 9).grants))
    for n in range(300):
        rig.send("mail", 2, key=f"k{n}")
    ended = 0
    while ended < 600:
        given = rig.ask("s1", "mail", 100).grants
        ended += len(given)
        rig.tell("s1", *(one.end("done") for one in given))
        rig.advance(20_000)
    rig.advance(SECOND)
    rig.ask("s1", "mail", 1)
    assert leftovers(rig, "keys", "held", "idle") == []
    left = {key.decode() for key in rig.client.scan_iter(match=f"{rig.keys.root}ws:mail:*:k*", count=1000)}
    # What a key's rate admitted goes by itself, a minute after its window.
    assert all(0 < rig.client.pttl(key) <= 62_000 for key in left)
    assert not [key for key in left if ":meter:" not in key]


def test_a_job_dearer_than_its_keys_rate_is_refused_when_it_is_sent(rig: Rig) -> None:
    rated(rig)
    assert rig.send_words([("mail", "x", "a", 0, 3, "", "act", "{}", "{}")])[0] == b"dear"
    assert rig.send_words([("mail", "y", "", 0, 3, "", "act", "{}", "{}")])[0] == b"ok"


def test_a_job_that_a_lowered_key_rate_forbids_is_buried_and_holds_up_nobody(rig: Rig) -> None:
    rated(rig, "5/s")
    [dear] = rig.send("mail", 1, key="a", cost=4)
    rest = rig.send("mail", 1, key="a")
    rig.publish("2", mail={"per_key": {"rate": "2/s"}})
    assert rig.ask("s1", "mail", 9).ids == rest
    assert rig.state("mail", dear) == "dead"


def test_the_whole_workstreams_limits_hold_beside_those_of_keys(rig: Rig) -> None:
    rig.publish(
        limits={"api": {"concurrency": 4}},
        mail={
            "rate": {"rate": "3/s", "margin": "0ms"},
            "within": "api",
            "per_key": {"rate": "2/s", "margin": "0ms"},
        },
    )
    rig.open("s1", "mail")
    for key in ("a", "b", "c"):
        rig.send("mail", 9, key=key)
    answer = rig.ask("s1", "mail", 9)
    assert len(answer.grants) == 3
    assert answer.why["mail"] == "rate"
    rig.advance(SECOND)
    assert len(rig.ask("s1", "mail", 9).grants) == 1
    assert rig.ask("s1", "mail", 9).why["mail"] == "concurrency"


def test_a_refusal_by_the_workstream_costs_a_key_nothing(rig: Rig) -> None:
    rig.publish(mail={"concurrency": 1, "per_key": {"rate": "1/s", "margin": "0ms"}})
    rig.open("s1", "mail")
    rig.send("mail", 2, key="a")
    rig.send("mail", 2, key="b")
    [first] = rig.ask("s1", "mail", 9).grants
    for _ in range(5):
        assert not rig.ask("s1", "mail", 9).grants
    assert [one.key for one in rig.ask("s1", "mail", 9, [first.end("done")]).grants] == ["b"]


def test_cancelling_the_last_job_of_a_held_key_leaves_nothing_of_it(spaced: Rig) -> None:
    jobs = spaced.send("mail", 2, key="a")
    spaced.tell("s1", *(one.end("done") for one in spaced.ask("s1", "mail", 1).grants))
    spaced.ask("s1", "mail", 1)
    assert keys_of(spaced, "held") == ["a"]
    call = {"request": "r", "workstream": "mail", "epoch": "", "fresh": "f"}
    spaced.scripts.run("job_cancel", call, [jobs[1]])
    spaced.advance(SECOND)
    spaced.ask("s1", "mail", 1)
    assert leftovers(spaced, "keys", "held", "idle") == []


def test_purging_takes_the_jobs_of_held_keys_as_well(spaced: Rig) -> None:
    spaced.send("mail", 5, key="a")
    spaced.send("mail", 5, key="b")
    spaced.ask("s1", "mail", 2)
    call = {"request": "r", "workstream": "mail", "state": "waiting", "most": 100, "epoch": "", "fresh": "f"}
    assert spaced.scripts.run("purge", call) == [8, 0]


def test_a_changed_key_limit_lets_held_keys_in_at_once(spaced: Rig) -> None:
    spaced.send("mail", 3, key="a")
    spaced.ask("s1", "mail", 9)
    assert not spaced.ask("s1", "mail", 9).grants
    spaced.publish("2", mail={"per_key": {"concurrency": 3}})
    assert len(spaced.ask("s1", "mail", 9).grants) == 2


def test_a_concurrency_that_is_new_to_keys_counts_what_runs_already(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.send("mail", 3, key="a")
    given = rig.ask("s1", "mail", 2).grants
    rig.publish("2", mail={"per_key": {"concurrency": 2}})
    assert rig.ask("s1", "mail", 2).why["mail"] == "key"
    assert len(rig.ask("s1", "mail", 2, [given[0].end("done")]).grants) == 1
    rig.tell("s1", given[1].end("done"))
    assert rig.client.zcard(rig.keys.workstream("mail", "holders", "a")) == 1


@pytest.mark.parametrize("end", ["finish", "crash"])
def test_a_shared_limit_that_is_new_to_a_workstream_counts_what_runs_there_already(
    rig: Rig, end: str
) -> None:
    rig.publish(limits={"api": {"concurrency": 2}}, mail=None, text={"within": "api"})
    rig.open("s1", "mail", "text")
    rig.send("mail", 2)
    given = rig.ask("s1", "mail", 2).grants
    rig.publish("2", limits={"api": {"concurrency": 2}}, mail={"within": "api"}, text={"within": "api"})
    rig.send("text", 1)
    assert rig.ask("s1", "text").why["text"] == "concurrency"
    if end == "finish":
        rig.tell("s1", given[0].end("done"))
    else:
        rig.end("s1")
        rig.open("s1", "mail", "text")
    assert len(rig.ask("s1", "text").grants) == 1
