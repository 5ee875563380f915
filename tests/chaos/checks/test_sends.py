"""Sends in hand-made histories: each that returned is to be accounted for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.hand_made import MS, HandMade, good, promises


def lost_without_a_trace(made: HandMade) -> None:
    made.send("lost", 100)
    made.events = [event for event in made.events if event.job != "lost"]


def lost_while_it_waited(made: HandMade) -> None:
    made.send("lost", 100)


def lost_when_it_was_reaped(made: HandMade) -> None:
    made.send("lost", 2_600 * MS)
    made.begin("lost", 2_700 * MS, pid=3)
    made.reap("lost", 2_800 * MS)


def finished_and_never_run(made: HandMade) -> None:
    made.send("hollow", 2_600 * MS)
    made.event("started", 2_700 * MS, "hollow", 1)
    made.event("finished", 2_800 * MS, "hollow", 1)


def finished_before_its_end(made: HandMade) -> None:
    made.send("early", 2_600 * MS)
    made.begin("early", 2_700 * MS)
    made.event("finished", 2_800 * MS, "early", 1)
    made.note("end", 2_900 * MS, "early")


def dead_without_a_reason(made: HandMade) -> None:
    made.send("dead", 2_600 * MS)
    made.begin("dead", 2_700 * MS)
    made.event("dead", 2_800 * MS, "dead", 1)


def dead_as_poison_too_soon(made: HandMade) -> None:
    made.send("dead", 2_600 * MS)
    made.begin("dead", 2_700 * MS, pid=2)
    made.reap("dead", 2_800 * MS)
    made.event("dead", 2_800 * MS, "dead", type="Poison", message="its lease ran out, 1 times while it ran")


def cancelled_by_nobody(made: HandMade) -> None:
    made.send("gone", 2_600 * MS)
    made.event("cancelled", 2_700 * MS, "gone")


@pytest.mark.parametrize(
    "wrong",
    [
        lost_without_a_trace,
        lost_while_it_waited,
        lost_when_it_was_reaped,
        finished_and_never_run,
        finished_before_its_end,
        dead_without_a_reason,
        dead_as_poison_too_soon,
        cancelled_by_nobody,
    ],
)
def test_a_send_that_is_not_accounted_for_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert "I1" in promises(made)


def test_a_job_whose_send_raised_may_run_or_not() -> None:
    made = good()
    made.event("sent", 2_600 * MS, "unknown")
    made.begin("unknown", 2_700 * MS)
    made.finish("unknown", 2_800 * MS)
    assert promises(made) == set()


def test_a_job_whose_send_raised_must_end_all_the_same_once_it_has_arrived() -> None:
    made = good()
    made.send("arrived", 2_600 * MS, acked=False)
    made.event("sent", 2_600 * MS, "arrived")
    assert promises(made) == {"I1"}


def poisoned() -> HandMade:
    made = good()
    made.send("poison", 2_600 * MS)
    for delivery in (1, 2, 3):
        made.begin("poison", (2_600 + 100 * delivery) * MS, delivery, pid=10 + delivery)
        made.reap("poison", (2_650 + 100 * delivery) * MS)
    made.event("dead", 2_950 * MS, "poison", type="Poison", message="its lease ran out, 3 times while it ran")
    return made


def test_poison_that_ended_three_processes_is_no_loss() -> None:
    made = poisoned()
    for delivery in (1, 2, 3):
        at = (2_640 + 100 * delivery) * MS
        made.fault("kill-worker", at, at, 10 + delivery)
    assert promises(made) == set()


def test_a_job_that_is_dead_as_poison_because_redis_was_away_is_refused() -> None:
    made = poisoned()
    for delivery in (1, 2):
        at = (2_640 + 100 * delivery) * MS
        made.fault("kill-worker", at, at, 10 + delivery)
    made.fault("redis", 2_910 * MS, 2_940 * MS)
    assert promises(made) == {"I1"}


def test_a_job_that_is_dead_as_poison_because_of_nothing_is_refused() -> None:
    assert promises(poisoned()) == {"I1"}


def test_a_job_that_failed_and_is_recorded_as_finished_is_refused() -> None:
    made = good()
    made.send("flaky", 2_600 * MS, kind="flaky")
    made.begin("flaky", 2_700 * MS)
    made.note("fail", 2_710 * MS, "flaky")
    made.event("finished", 2_720 * MS, "flaky", 1)
    assert promises(made) == {"I1"}
