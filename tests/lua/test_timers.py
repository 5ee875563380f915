"""Promise I6: of those who wait, exactly who must ask is told, and when."""

from __future__ import annotations

import pytest

from tests.lua.rig import SECOND, Rig


@pytest.fixture
def two(rig: Rig) -> Rig:
    """A rate of one in half a second, and two processes."""
    rig.publish(mail={"rate": "2/s", "burst": 1, "margin": "0ms"})
    for sid in ("s1", "s2", "s3"):
        rig.open(sid, "mail")
    return rig


def test_only_one_of_many_that_wait_for_a_moment_is_told_it(two: Rig) -> None:
    two.send("mail", 5)
    two.ask("s1", "mail")
    waits = [two.ask(sid, "mail").wait["mail"] for sid in ("s1", "s2", "s3")]
    # The owner in time, the deputy a second later, and the third only when it is woken.
    assert waits[0] <= 505_000
    assert SECOND <= waits[1] <= 1_500_000
    assert waits[2] == -1


def test_a_timer_owner_that_is_full_leaves_the_timer_to_the_next(two: Rig) -> None:
    two.send("mail", 9)
    given = two.ask("s1", "mail").grants
    two.advance(two.ask("s2", "mail").wait["mail"])
    assert two.ask("s2", "mail").grants
    assert 0 < two.ask("s1", "mail", 1, [given[0].end("done")]).wait["mail"] <= 505_000


def test_a_filled_owner_hands_the_timer_over_with_its_time(two: Rig) -> None:
    ears = two.listen("s1", "s2", "s3")
    two.send("mail", 9)
    two.ask("s1", "mail")
    first, _ = (two.ask(sid, "mail") for sid in ("s2", "s3"))
    two.advance(first.wait["mail"])
    ears.heard()
    assert two.ask("s2", "mail").grants
    [(sid, message)] = ears.heard()
    assert sid == "s3"
    assert 490_000 <= int(message.removeprefix("mail ")) <= 505_000


def test_a_deputy_takes_over_from_an_owner_that_died(two: Rig) -> None:
    two.send("mail", 9)
    two.ask("s1", "mail")
    two.ask("s2", "mail")
    two.advance(two.ask("s3", "mail").wait["mail"])
    assert two.ask("s3", "mail").grants


@pytest.mark.parametrize("outcome", ["retry", "defer", "handback"])
def test_somebody_is_told_when_a_job_that_ended_is_due_again(two: Rig, outcome: str) -> None:
    two.publish("2", mail=None)
    ears = two.listen("s1", "s2", "s3")
    two.send("mail", 1)
    given = two.ask("s1", "mail", 4).grants
    two.ask("s2", "mail", 4)
    ears.heard()
    two.tell("s1", given[0].end(outcome, at=SECOND))
    [(_, message)] = ears.heard()
    assert message == f"mail {SECOND}"


def test_somebody_is_told_of_a_delayed_follow_up(two: Rig) -> None:
    two.publish("2", mail=None, text=None)
    two.open("s4", "text")
    ears = two.listen("s1", "s4")
    two.send("mail", 1)
    given = two.ask("s1", "mail").grants
    two.ask("s4", "text")
    follow = {
        "w": "text",
        "i": "n",
        "k": "",
        "shift": 0,
        "cost": 1,
        "due": "+7000",
        "actor": "a",
        "body": "{}",
        "opts": "{}",
    }
    two.tell("s1", given[0].end("done", next=[follow]))
    assert ears.heard() == [("s4", "text 7000")]


def test_a_delayed_send_tells_one_sleeper_its_time(two: Rig) -> None:
    two.publish("2", mail=None)
    ears = two.listen("s1", "s2")
    for sid in ("s1", "s2"):
        two.advance(1)
        two.ask(sid, "mail")
    two.send("mail", 1, due="+7000")
    [(sid, message)] = ears.heard()
    assert sid == "s1"
    assert message in ("mail 7000", "mail now")


@pytest.fixture
def dear(rig: Rig) -> Rig:
    """A process told to wait for a job that costs more than is left of its rate."""
    rig.publish(mail={"rate": "4/s"})
    rig.open("s1", "mail")
    rig.send("mail", 2, cost=3, shift=SECOND)
    assert len(rig.ask("s1", "mail", 4).grants) == 1
    return rig


def test_a_cheaper_job_that_comes_to_stand_first_wakes_somebody(dear: Rig) -> None:
    ears = dear.listen("s1")
    dear.send("mail", 1)
    assert ears.heard() == [("s1", "mail now")]
    assert len(dear.ask("s1", "mail", 4).grants) == 1


@pytest.mark.parametrize(("cost", "shift"), [(3, 0), (1, 2 * SECOND)])
def test_a_job_that_cannot_be_let_in_sooner_wakes_nobody(dear: Rig, cost: float, shift: int) -> None:
    ears = dear.listen("s1")
    dear.send("mail", 1, cost=cost, shift=shift)
    assert ears.heard() == []


def test_a_cheaper_job_that_is_due_before_the_gate_opens_is_asked_for_when_it_is_due(dear: Rig) -> None:
    dear.send("mail", 1, due="+7000")
    assert dear.ask("s1", "mail", 3).wait["mail"] == 7000
    dear.advance(7000)
    assert len(dear.ask("s1", "mail", 3).grants) == 1


def test_a_filled_call_leaves_no_mark_of_an_earlier_refusal(rig: Rig) -> None:
    rig.publish(limits={"api": {"concurrency": 2}}, x={"within": ["api"]}, y={"within": ["api"]})
    rig.open("s1", "x", "y")
    rig.open("s2", "x")
    ears = rig.listen("s1", "s2")
    rig.send("x", 1)
    rig.send("y", 1)
    answer = rig.exchange(rig.call("s1", {"x": 1, "y": 1}))
    assert answer is not None
    rig.send("x", 1)
    assert rig.ask("s2", "x").why["x"] == "concurrency"
    rig.exchange(rig.call("s1", {"x": 1, "y": 1}, [given.end("done") for given in answer.grants]))
    ears.heard()
    rig.send("x", 1)
    assert ears.heard() == [("s2", "x now")]


def test_a_process_that_leaves_wakes_another_for_what_is_left(two: Rig) -> None:
    two.publish("2", mail={"concurrency": 1})
    ears = two.listen("s1", "s2")
    two.send("mail", 2)
    given = two.ask("s1", "mail").grants
    two.ask("s2", "mail")
    ears.heard()
    two.exchange(two.call("s1", {}, [given[0].end("done")], leaving=True))
    assert ears.heard() == [("s2", "mail now")]


def test_fifty_processes_on_one_slow_limit_do_not_stampede(rig: Rig) -> None:
    rig.publish(mail={"rate": "10/s", "burst": 1})
    names = [f"p{n}" for n in range(50)]
    for sid in names:
        rig.open(sid, "mail")
    ears = rig.listen(*names)
    rig.send("mail", 200)
    asks = dict.fromkeys(names, float(rig.now))
    calls = starts = 0
    while starts < 100:
        sid = min(asks, key=lambda one: asks[one])
        rig.advance(max(0, round(asks[sid]) - rig.now))
        answer = rig.ask(sid, "mail")
        calls += 1
        if answer.grants:
            starts += 1
            rig.tell(sid, answer.grants[0].end("done"))
            asks[sid] = rig.now + 1_000
        else:
            wait = answer.wait["mail"]
            asks[sid] = rig.now + wait if wait >= 0 else float("inf")
        for to, message in ears.heard():
            when = message.removeprefix("mail ")
            asks[to] = min(asks[to], rig.now + (0 if when == "now" else int(when)))
    assert (calls - len(names)) / starts <= 2.5
