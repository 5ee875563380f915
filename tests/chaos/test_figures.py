"""Figures of a session: recoveries, causes, and the share of the rates that was used."""

from __future__ import annotations

import pytest

from tests.chaos.causes import NOTHING, causes_of
from tests.chaos.hand_made import MS, HandMade
from tests.chaos.recovery import outlived, percentile, recoveries_of
from tests.chaos.share import share_of


def killed_and_run_again() -> HandMade:
    made = HandMade(lease=2.0)
    made.send("job", 0)
    made.begin("job", 100 * MS, pid=7)
    made.reap("job", 420 * MS)
    made.begin("job", 900 * MS, delivery=2, pid=8)
    made.finish("job", 950 * MS, delivery=2, pid=8)
    return made


def test_a_recovery_lasts_from_the_fault_to_the_next_run() -> None:
    made = killed_and_run_again()
    made.fault("kill-worker", 401 * MS, 402 * MS, 7)
    recoveries = recoveries_of(made.evidence())
    assert recoveries.in_flight == 1
    assert recoveries.again == {"kill-worker": [0.5]}


def test_a_run_that_ended_before_the_fault_was_not_in_flight() -> None:
    made = HandMade()
    made.run("job", 100 * MS)
    made.fault("kill-worker", 401 * MS, 402 * MS, 1)
    assert recoveries_of(made.evidence()).in_flight == 0


def test_the_workers_of_a_killed_supervisor_were_in_flight_too() -> None:
    made = killed_and_run_again()
    made.fault("kill-supervisor", 401 * MS, 402 * MS, 6, orphans=[7])
    assert recoveries_of(made.evidence()).in_flight == 1


def test_redis_is_back_at_work_with_the_next_admission() -> None:
    made = HandMade()
    made.fault("redis", 100 * MS, 200 * MS)
    made.run("job", 450 * MS)
    assert recoveries_of(made.evidence()).back == [0.25]


def test_the_cause_of_a_lost_lease_is_what_was_done_to_its_process_before_what_reached_all() -> None:
    made = killed_and_run_again()
    made.fault("drop", 410 * MS, 410 * MS)
    assert causes_of(made.evidence()) == {"drop": 1}
    made.fault("kill-worker", 400 * MS, 400 * MS, 7)
    assert causes_of(made.evidence()) == {"kill-worker": 1}


def test_a_lost_lease_without_a_fault_has_no_cause() -> None:
    made = killed_and_run_again()
    made.fault("kill-worker", 500 * MS, 500 * MS, 99)
    assert causes_of(made.evidence()) == {NOTHING: 1}


def test_a_run_goes_on_without_a_lease_from_when_its_process_could_know() -> None:
    made = killed_and_run_again()
    made.note("end", 2_000 * MS, "job", pid=7)
    assert outlived(made.evidence()) == [pytest.approx(1.58)]
    made.fault("stop-worker", 200 * MS, 1_500 * MS, 7)
    assert outlived(made.evidence()) == [pytest.approx(0.5)]


def steady(*, skipped: int = 0) -> HandMade:
    """Ten seconds with a backlog, and ten starts a second but for the first so many seconds."""
    made = HandMade(rates=("10/s",), concurrency=5)
    for number in range(200):
        made.send(f"job-{number}")
    for number in range(skipped * 10, 100):
        made.begin(f"job-{number}", 1 + number * 100 * MS)
        made.finish(f"job-{number}", 1 + number * 100 * MS + 50 * MS)
    made.fault("peace", 10_000 * MS, 10_000 * MS)
    return made


def test_a_rate_that_was_used_all_the_time_was_used_wholly() -> None:
    assert share_of(steady().evidence()) == pytest.approx(100, abs=2)


def test_seconds_without_a_start_are_missing() -> None:
    assert share_of(steady(skipped=2).evidence()) == pytest.approx(80, abs=2)


def test_seconds_without_redis_are_not_missing() -> None:
    made = steady(skipped=2)
    made.fault("redis", 0, 2_000 * MS)
    assert share_of(made.evidence()) == pytest.approx(100, abs=2)


def test_seconds_without_work_are_not_missing() -> None:
    made = HandMade(rates=("10/s",), concurrency=5)
    for number in range(100):
        at = 1 + number * 100 * MS
        made.send(f"job-{number}", at)
        if number >= 20:
            made.begin(f"job-{number}", at)
            made.finish(f"job-{number}", at + 50 * MS)
    made.fault("peace", 10_000 * MS, 10_000 * MS)
    slow = share_of(made.evidence())
    for number in range(20):
        del made.sends[f"job-{number}"]
    made.events = [event for event in made.events if event.job in made.sends]
    assert slow < 85
    assert share_of(made.evidence()) == pytest.approx(100, abs=2)


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([3, 1, 2], 0.99) == 3
