"""Ticks in hand-made histories: each has one job, or an event that says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.hand_made import SECOND, HandMade, good, promises


def doubled_tick(made: HandMade) -> None:
    made.tick(2, "another-job-of-tick-2")


def missing_tick(made: HandMade) -> None:
    made.events = [event for event in made.events if event.job != "tick-2"]
    made.notes = [note for note in made.notes if note.job != "tick-2"]


def missing_ticks_at_the_end(made: HandMade) -> None:
    made.fault("peace", 6 * SECOND, 6 * SECOND)


def no_tick(made: HandMade) -> None:
    made.events = [event for event in made.events if not event.job.startswith("tick")]
    made.notes = [note for note in made.notes if not note.job.startswith("tick")]


def fired_and_skipped(made: HandMade) -> None:
    tick = next(
        event.more["tick"] for event in made.events if event.job == "tick-2" and event.name == "fired"
    )
    made.event("tick_skipped", 2 * SECOND, "", workstream="ticks", tick=tick, reason="missed")


@pytest.mark.parametrize(
    "wrong", [doubled_tick, missing_tick, missing_ticks_at_the_end, no_tick, fired_and_skipped]
)
def test_a_tick_without_exactly_one_job_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert promises(made) == {"I5"}


def test_a_tick_that_an_event_skips_by_name_is_not_missed() -> None:
    made = good()
    fired = next(event for event in made.events if event.job == "tick-2" and event.name == "fired")
    missing_tick(made)
    made.event("tick_skipped", 3 * SECOND, "", workstream="ticks", tick=fired.more["tick"], reason="missed")
    assert promises(made) == set()
