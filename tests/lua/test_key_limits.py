"""Promises I2, I3 and I7 inside a workstream: what each key may do, and that no key waits for another."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.lua.rig import SECOND, Rig


@pytest.fixture
def keyed(rig: Rig) -> Rig:
    """Each key may start two in a second, one after the other, and run one at a time."""
    rig.publish(mail={"per_key": {"rate": "2/s", "burst": 1, "margin": "0ms", "concurrency": 1}})
    rig.open("s1", "mail")
    return rig


def rated(rig: Rig, rate: str = "2/s", **more: Any) -> Rig:
    rig.publish(mail={"per_key": {"rate": rate, "margin": "0ms", **more}})
    rig.open("s1", "mail")
    return rig


def keys_of(rig: Rig, place: str) -> list[str]:
    found = rig.client.zrange(rig.keys.workstream("mail", place), 0, -1)
    return sorted(key.decode() for key in found)


def leftovers(rig: Rig, *places: str) -> list[str]:
    return [place for place in places if rig.client.exists(rig.keys.workstream("mail", place))]


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
    rig.publish(mail={"per_key": {"concurrency": 2}})
    rig.open("s1", "mail")
    rig.send("mail", 5, key="a")
    rig.send("mail", 1, key="b")
    answer = rig.ask("s1", "mail", 9)
    assert sorted(one.key for one in answer.grants) == ["a", "a", "b"]
    assert (answer.why["mail"], answer.wait["mail"]) == ("key", -1)
    first = next(one for one in answer.grants if one.key == "a")
    assert [one.key for one in rig.ask("s1", "mail", 9, [first.end("done")]).grants] == ["a"]


def test_a_limited_key_delays_no_other(keyed: Rig) -> None:
    keyed.send("mail", 1000, key="whale")
    keyed.send("mail", 1, key="small")
    assert sorted(one.key for one in keyed.ask("s1", "mail", 9).grants) == ["small", "whale"]
    keyed.send("mail", 1, key="late")
    assert [one.key for one in keyed.ask("s1", "mail", 9).grants] == ["late"]


def test_a_send_to_a_held_key_wakes_nobody(keyed: Rig) -> None:
    keyed.send("mail", 2, key="a")
    keyed.ask("s1", "mail", 9)
    ears = keyed.listen("s1")
    keyed.send("mail", 2, key="a")
    assert ears.heard() == []
    keyed.send("mail", 1, key="b")
    assert ears.heard() == [("s1", "mail now")]


def test_a_slot_of_a_key_that_is_freed_elsewhere_wakes_somebody(keyed: Rig) -> None:
    keyed.open("s2", "mail")
    keyed.send("mail", 2, key="a")
    given = keyed.ask("s1", "mail", 1).grants
    assert keyed.ask("s2", "mail", 1).why["mail"] == "key"
    keyed.advance(SECOND)
    ears = keyed.listen("s1", "s2")
    keyed.tell("s1", given[0].end("done"))
    assert ears.heard() == [("s2", "mail now")]
    assert keyed.ask("s2", "mail", 1).ids


@pytest.mark.parametrize("end", ["done", "retry", "dead", "handback", "crash"])
def test_no_end_of_a_job_leaks_a_slot_of_its_key(keyed: Rig, end: str) -> None:
    keyed.send("mail", 3, key="a")
    given = keyed.ask("s1", "mail", 1).grants[0]
    if end == "crash":
        keyed.end("s1")
        keyed.open("s1", "mail")
    else:
        keyed.tell("s1", given.end(end, **({"at": SECOND} if end == "retry" else {})))
    assert leftovers(keyed, "holders:a") == []
    keyed.advance(SECOND)
    assert len(keyed.ask("s1", "mail", 9).grants) == 1


def test_a_key_that_was_idle_saves_up_no_credit(rig: Rig) -> None:
    rig.publish(mail={"per_key": {"concurrency": 9}})
    rig.open("s1", "mail")
    rig.send("mail", 1, key="idle")
    rig.send("mail", 500, key="busy")
    for _ in range(100):
        for one in rig.ask("s1", "mail", 1).grants:
            rig.tell("s1", one.end("done"))
    rig.send("mail", 20, key="idle")
    given = []
    for _ in range(10):
        [one] = rig.ask("s1", "mail", 1).grants
        given.append(one.key)
        rig.tell("s1", one.end("done"))
    assert 4 <= given.count("idle") <= 6


def test_a_key_that_comes_back_from_being_held_has_saved_up_no_credit(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.send("mail", 9, key="slow")
    given = rig.ask("s1", "mail", 1).grants
    rig.tell("s1", given[0].end("defer", scope="key", at=SECOND))
    for name in ("x", "y"):
        rig.send("mail", 60, key=name)
    for _ in range(60):
        rig.ask("s1", "mail", 1)
    rig.advance(SECOND)
    turns = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(9)]
    assert turns.count("slow") == 3


def test_keys_take_turns_by_their_weights(rig: Rig) -> None:
    rig.publish(mail={"per_key": {"concurrency": 100, "weights": {"gold": 3}}})
    rig.open("s1", "mail")
    for key in ("gold", "lead", "tin"):
        rig.send("mail", 200, key=key)
    given = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(100)]
    assert 58 <= given.count("gold") <= 62
    assert abs(given.count("lead") - given.count("tin")) <= 1


def test_a_key_that_arrives_among_weighted_ones_waits_one_turn_only(rig: Rig) -> None:
    rig.publish(mail={"per_key": {"concurrency": 1000, "weights": {"gold": 5}}})
    rig.open("s1", "mail")
    for key in ("gold", "lead"):
        rig.send("mail", 500, key=key)
    for _ in range(120):
        rig.ask("s1", "mail", 1)
    rig.send("mail", 1, key="new")
    assert "new" in [rig.ask("s1", "mail", 1).grants[0].key for _ in range(8)]


def test_jobs_of_a_key_start_by_priority_and_then_in_order(keyed: Rig) -> None:
    late = keyed.send("mail", 2, key="a", shift=600 * SECOND)
    soon = keyed.send("mail", 1, key="a", shift=-300 * SECOND)
    given = []
    for _ in range(3):
        [one] = keyed.ask("s1", "mail", 1).grants
        given.append(one.id)
        keyed.tell("s1", one.end("done"))
        keyed.advance(SECOND)
    assert given == [*soon, *late]


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


def test_cancelling_the_last_job_of_a_held_key_leaves_nothing_of_it(keyed: Rig) -> None:
    jobs = keyed.send("mail", 2, key="a")
    keyed.tell("s1", *(one.end("done") for one in keyed.ask("s1", "mail", 1).grants))
    keyed.ask("s1", "mail", 1)
    assert keys_of(keyed, "held") == ["a"]
    call = {"request": "r", "workstream": "mail", "epoch": "", "fresh": "f"}
    keyed.scripts.run("job_cancel", call, [jobs[1]])
    keyed.advance(SECOND)
    keyed.ask("s1", "mail", 1)
    assert leftovers(keyed, "keys", "held", "idle") == []


def test_purging_takes_the_jobs_of_held_keys_as_well(keyed: Rig) -> None:
    keyed.send("mail", 5, key="a")
    keyed.send("mail", 5, key="b")
    keyed.ask("s1", "mail", 2)
    call = {"request": "r", "workstream": "mail", "state": "waiting", "most": 100, "epoch": "", "fresh": "f"}
    assert keyed.scripts.run("purge", call) == [8, 0]


def pause(rig: Rig, key: str, paused: bool = True) -> bytes:
    call = {"request": uuid4().hex, "workstream": "mail", "key": key, "paused": "1" if paused else "0"}
    reply: list[bytes] = rig.scripts.run("pause", call | {"epoch": "", "fresh": "f"})
    return reply[0]


def test_a_paused_key_waits_and_the_others_go_on(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.send("mail", 2, key="a")
    assert [pause(rig, "a"), pause(rig, "a")] == [b"changed", b"same"]
    rig.send("mail", 2, key="a")
    rig.send("mail", 1, key="b")
    answer = rig.ask("s1", "mail", 9)
    assert [one.key for one in answer.grants] == ["b"]
    assert (answer.why["mail"], answer.wait["mail"]) == ("key", -1)
    ears = rig.listen("s1")
    assert [pause(rig, "a", False), pause(rig, "a", False)] == [b"changed", b"same"]
    assert ears.heard() == [("s1", "mail now")]
    assert len(rig.ask("s1", "mail", 9).grants) == 4


def test_a_key_that_goes_on_is_held_by_what_held_it_before(keyed: Rig) -> None:
    keyed.send("mail", 2, key="a")
    given = keyed.ask("s1", "mail", 9).grants
    keyed.tell("s1", given[0].end("done"))
    pause(keyed, "a")
    pause(keyed, "a", False)
    answer = keyed.ask("s1", "mail", 9)
    assert answer.grants == ()
    assert 490_000 <= answer.wait["mail"] <= 500_000


def test_a_slot_that_was_freed_while_its_key_was_paused_is_free_afterwards(rig: Rig) -> None:
    rig.publish(mail={"per_key": {"concurrency": 1}})
    rig.open("s1", "mail")
    rig.send("mail", 2, key="a")
    given = rig.ask("s1", "mail", 9).grants
    pause(rig, "a")
    rig.tell("s1", given[0].end("done"))
    assert not rig.ask("s1", "mail", 9).grants
    pause(rig, "a", False)
    assert len(rig.ask("s1", "mail", 9).grants) == 1


@pytest.mark.parametrize("again", ["resumed", "changed"])
def test_a_key_that_an_upstream_shut_stays_so_over_what_an_operator_does(rig: Rig, again: str) -> None:
    rig.publish(mail={"per_key": {"concurrency": 5}})
    rig.open("s1", "mail")
    rig.send("mail", 2, key="a")
    given = rig.ask("s1", "mail", 1).grants
    rig.tell("s1", given[0].end("defer", scope="key", at=9 * SECOND))
    if again == "resumed":
        pause(rig, "a")
        pause(rig, "a", False)
    else:
        rig.publish("2", mail={"per_key": {"concurrency": 7}})
    answer = rig.ask("s1", "mail", 9)
    assert (answer.grants, answer.wait["mail"]) == ((), 9 * SECOND)
    rig.advance(9 * SECOND)
    assert len(rig.ask("s1", "mail", 9).grants) == 2


def test_a_changed_key_limit_lets_held_keys_in_at_once(keyed: Rig) -> None:
    keyed.send("mail", 3, key="a")
    keyed.ask("s1", "mail", 9)
    assert not keyed.ask("s1", "mail", 9).grants
    keyed.publish("2", mail={"per_key": {"concurrency": 3}})
    assert len(keyed.ask("s1", "mail", 9).grants) == 2


def test_a_refused_key_waits_for_the_longest_time_and_its_job_stays_first(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    [first, second] = rig.send("mail", 2, key="a")
    one, two = rig.ask("s1", "mail", 2).grants
    rig.tell("s1", one.end("defer", scope="key", at=5 * SECOND))
    rig.tell("s1", two.end("defer", scope="key", at=2 * SECOND))
    rig.send("mail", 1, key="b")
    answer = rig.ask("s1", "mail", 9)
    assert [given.key for given in answer.grants] == ["b"]
    assert answer.wait["mail"] == 5 * SECOND
    rig.advance(5 * SECOND)
    again = rig.ask("s1", "mail", 9).grants
    assert [given.id for given in again] == [first, second]
    assert [given.attempt for given in again] == [1, 1]


def test_a_refused_limit_is_shut_for_every_workstream_within_it(rig: Rig) -> None:
    rig.publish(limits={"api": {"rate": "100/s"}}, x={"within": "api"}, y={"within": "api"}, z=None)
    rig.open("s1", "x", "y", "z")
    rig.send("x", 1)
    given = rig.ask("s1", "x").grants
    rig.tell("s1", given[0].end("defer", scope="api", at=7 * SECOND))
    for ws in ("y", "z"):
        rig.send(ws, 1)
    answer = rig.exchange(rig.call("s1", {"x": 1, "y": 1, "z": 1}))
    assert answer is not None
    assert [one.ws for one in answer.grants] == ["z"]
    assert {ws: answer.why[ws] for ws in "xy"} == {"x": "rate", "y": "rate"}
    assert {answer.wait[ws] for ws in "xy"} == {7 * SECOND}
    rig.advance(7 * SECOND)
    assert len(rig.ask("s1", "x").grants) == len(rig.ask("s1", "y").grants) == 1


def test_a_sleeper_is_told_when_a_shut_limit_opens(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    rig.send("mail", 1)
    given = rig.ask("s1", "mail").grants
    rig.ask("s2", "mail")
    ears = rig.listen("s1", "s2")
    rig.tell("s1", given[0].end("defer", scope="mail", at=SECOND))
    assert ears.heard() == [("s2", f"mail {SECOND}")]


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
