"""What becomes of due ticks, for every policy, with a tick a minute at the full minute."""

from __future__ import annotations

from typing import Any

import pytest

from workstreams.declare.config.schedule import Schedule
from workstreams.schedule.policy import LATE_AFTER, plan_of
from workstreams.schedule.when import ticks_after, when_of

SECOND = 1_000_000
MINUTE = 60 * SECOND


def decided(
    now: int, mark: int = 0, resumed: int = 0, **fields: Any
) -> tuple[list[tuple[str, int, int]], list[int]]:
    """What is skipped (reason, how many, the last one's minute), and the minutes that fire."""
    schedule = Schedule.model_validate({"actor": "act", "every": "1m", **fields})
    when = when_of(schedule)
    plan = plan_of(schedule, when, mark, resumed, now)
    skips = [(one.reason, one.span.ticks, one.span.last // MINUTE) for one in plan.skips]
    return skips, [tick // MINUTE for tick in ticks_after(when, plan.begin, now)]


@pytest.mark.parametrize("catch_up", ["skip", "latest", "all"])
def test_a_tick_in_time_fires_under_every_policy(catch_up: str) -> None:
    assert decided(MINUTE, catch_up=catch_up) == ([], [1])
    assert decided(MINUTE + LATE_AFTER - 1, catch_up=catch_up) == ([], [1])
    assert decided(MINUTE - 1, catch_up=catch_up) == ([], [])


def test_skip_makes_up_for_no_missed_tick() -> None:
    assert decided(MINUTE + LATE_AFTER, catch_up="skip") == ([("missed", 1, 1)], [])
    assert decided(5 * MINUTE + SECOND, catch_up="skip") == ([("missed", 4, 4)], [5])


def test_latest_makes_up_for_the_last_missed_tick_only() -> None:
    assert decided(5 * MINUTE + 30 * SECOND, catch_up="latest") == ([("superseded", 4, 4)], [5])
    assert decided(MINUTE + 30 * SECOND, catch_up="latest") == ([], [1])


def test_latest_makes_up_for_none_when_a_tick_in_time_is_due_as_well() -> None:
    assert decided(5 * MINUTE + SECOND, catch_up="latest") == ([("superseded", 4, 4)], [5])


def test_all_makes_up_for_every_missed_tick() -> None:
    assert decided(4 * MINUTE + 30 * SECOND, catch_up="all") == ([], [1, 2, 3, 4])


def test_nothing_older_than_the_window_is_made_up_for() -> None:
    late = {"now": 5 * MINUTE + 30 * SECOND, "catch_up_window": "2m"}
    assert decided(catch_up="all", **late) == ([("too_old", 3, 3)], [4, 5])
    assert decided(catch_up="latest", **late) == ([("superseded", 4, 4)], [5])
    assert decided(now=5 * MINUTE + 30 * SECOND, catch_up="latest", catch_up_window="20s") == (
        [("too_old", 5, 5)],
        [],
    )


def test_a_tick_as_old_as_the_window_is_still_in_it() -> None:
    assert decided(now=5 * MINUTE, catch_up="all", catch_up_window="2m") == ([("too_old", 2, 2)], [3, 4, 5])


def test_ticks_of_a_pause_are_skipped_whatever_the_policy_says() -> None:
    found = decided(now=6 * MINUTE + 30 * SECOND, resumed=4 * MINUTE + SECOND, catch_up="all")
    assert found == ([("paused", 4, 4)], [5, 6])


def test_a_pause_before_the_mark_is_over_and_done_with() -> None:
    assert decided(now=3 * MINUTE, mark=2 * MINUTE, resumed=MINUTE, catch_up="all") == ([], [3])
