"""Runs in hand-made histories: each is accounted for by a lease, and each follow-up by a finish."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.hand_made import MS, HandMade, good, promises


def run_twice(made: HandMade) -> None:
    made.note("start", 2_600 * MS, "job-1", delivery=2, pid=5)
    made.note("end", 2_700 * MS, "job-1", delivery=2, pid=5)


def delivered_twice(made: HandMade) -> None:
    made.note("start", 2_600 * MS, "job-1", delivery=1, pid=1)


def leased_twice(made: HandMade) -> None:
    made.send("twice", 2_600 * MS)
    made.begin("twice", 2_700 * MS)
    made.begin("twice", 2_750 * MS, delivery=2, pid=2)
    made.finish("twice", 2_800 * MS, delivery=2, pid=2)


def started_after_its_end(made: HandMade) -> None:
    made.begin("job-1", 2_700 * MS, delivery=2)
    made.finish("job-1", 2_800 * MS, delivery=2)


def run_and_never_sent(made: HandMade) -> None:
    made.begin("alien", 2_700 * MS)
    made.finish("alien", 2_800 * MS)


def run_before_its_admission(made: HandMade) -> None:
    made.send("hasty", 2_600 * MS)
    made.note("start", 2_650 * MS, "hasty")
    made.event("started", 2_700 * MS, "hasty", 1)
    made.finish("hasty", 2_800 * MS)


@pytest.mark.parametrize(
    "wrong",
    [
        run_twice,
        delivered_twice,
        leased_twice,
        started_after_its_end,
        run_and_never_sent,
        run_before_its_admission,
    ],
)
def test_a_run_that_no_lost_lease_accounts_for_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert "I4" in promises(made)


def followed(made: HandMade, *follow_ups: str) -> None:
    made.send("parent", 2_600 * MS, kind="followed")
    made.begin("parent", 2_700 * MS)
    made.finish("parent", 2_800 * MS)
    for job in follow_ups:
        made.event("sent", 2_800 * MS, job, workstream="after")
        made.event("started", 2_801 * MS, job, 1, workstream="after")
        made.note("start", 2_802 * MS, job, of="parent")
        made.note("end", 2_803 * MS, job)
        made.event("finished", 2_805 * MS, job, 1, workstream="after")


def test_what_a_finish_sends_is_to_run_once() -> None:
    made = good()
    followed(made, "next")
    assert promises(made) == set()


@pytest.mark.parametrize("follow_ups", [(), ("next", "and-again")])
def test_a_finish_that_sent_nothing_or_more_is_refused(follow_ups: tuple[str, ...]) -> None:
    made = good()
    followed(made, *follow_ups)
    assert promises(made) == {"I4"}


def test_what_follows_a_job_that_was_to_have_no_follow_up_is_refused() -> None:
    made = good()
    made.event("sent", 2_800 * MS, "next", workstream="after")
    made.event("started", 2_801 * MS, "next", 1, workstream="after")
    made.note("start", 2_802 * MS, "next", of="job-1")
    made.note("end", 2_803 * MS, "next")
    made.event("finished", 2_805 * MS, "next", 1, workstream="after")
    assert promises(made) == {"I4"}


def test_an_attempt_that_failed_accounts_for_another_run() -> None:
    made = good()
    made.send("flaky", 2_600 * MS, kind="flaky")
    made.begin("flaky", 2_700 * MS)
    made.note("fail", 2_710 * MS, "flaky")
    made.event("retrying", 2_711 * MS, "flaky", 1)
    made.begin("flaky", 2_900 * MS, delivery=2)
    made.finish("flaky", 2_950 * MS, delivery=2)
    assert promises(made) == set()
