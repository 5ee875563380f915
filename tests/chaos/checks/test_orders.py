"""Operators in hand-made histories: what they were told is so, is so from then on."""

from __future__ import annotations

from tests.chaos.hand_made import MS, HandMade, good, promises


def test_a_start_while_its_workstream_was_paused_is_refused() -> None:
    made = good()
    made.fault("pause", 2_601 * MS, 2_699 * MS, certain=True)
    made.run("beside", 2_700 * MS)
    assert promises(made) == set()
    made.run("amid", 2_650 * MS)
    assert promises(made) == {"I8"}


def test_a_start_while_nobody_knows_whether_the_pause_arrived_is_no_fault() -> None:
    made = good()
    made.fault("pause", 2_601 * MS, 2_699 * MS, certain=False)
    made.run("amid", 2_650 * MS)
    assert promises(made) == set()


def cancelled(was: str) -> HandMade:
    made = good()
    made.send("cancelled", 2_600 * MS)
    made.fault("cancel", 2_610 * MS, 2_620 * MS, job="cancelled", was=was)
    return made


def test_a_job_that_somebody_cancelled_may_be_cancelled() -> None:
    made = cancelled("waiting")
    made.event("cancelled", 2_615 * MS, "cancelled")
    assert promises(made) == set()


def test_a_job_that_was_cancelled_while_it_waited_and_finished_is_refused() -> None:
    made = cancelled("waiting")
    made.begin("cancelled", 2_700 * MS)
    made.finish("cancelled", 2_800 * MS)
    assert promises(made) == {"I8"}


def test_a_job_that_was_asked_to_stop_may_finish() -> None:
    made = cancelled("running")
    made.begin("cancelled", 2_605 * MS)
    made.finish("cancelled", 2_800 * MS)
    assert promises(made) == set()
