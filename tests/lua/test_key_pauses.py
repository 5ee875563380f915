"""What shuts a key or a limit for a time: an operator, or an upstream that refused a job."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.lua.keyed import keyed, rated
from tests.lua.rig import SECOND, Rig


@pytest.fixture
def spaced(rig: Rig) -> Rig:
    """Each key may start two in a second, one after the other, and run one at a time."""
    return rated(rig, burst=1, concurrency=1)


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


def test_a_key_that_goes_on_is_held_by_what_held_it_before(spaced: Rig) -> None:
    spaced.send("mail", 2, key="a")
    given = spaced.ask("s1", "mail", 9).grants
    spaced.tell("s1", given[0].end("done"))
    pause(spaced, "a")
    pause(spaced, "a", False)
    answer = spaced.ask("s1", "mail", 9)
    assert answer.grants == ()
    assert 490_000 <= answer.wait["mail"] <= 500_000


def test_a_slot_that_was_freed_while_its_key_was_paused_is_free_afterwards(rig: Rig) -> None:
    keyed(rig, concurrency=1)
    rig.send("mail", 2, key="a")
    given = rig.ask("s1", "mail", 9).grants
    pause(rig, "a")
    rig.tell("s1", given[0].end("done"))
    assert not rig.ask("s1", "mail", 9).grants
    pause(rig, "a", False)
    assert len(rig.ask("s1", "mail", 9).grants) == 1


@pytest.mark.parametrize("again", ["resumed", "changed"])
def test_a_key_that_an_upstream_shut_stays_so_over_what_an_operator_does(rig: Rig, again: str) -> None:
    keyed(rig, concurrency=5)
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
