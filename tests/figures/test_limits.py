"""Limits hold in a short run of what the command measures; how fast that was is not judged."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.figures.__main__ import main
from tests.figures.limits import Found, busy_share, measure, used_share
from tests.figures.meter import Reading
from tests.figures.project import a_server
from tests.figures.shapes import SECOND, SHAPES, most_starts
from workstreams.declare.config.limits import RateLimit

BY_NAME = {shape.name: shape for shape in SHAPES}
TEN = RateLimit(permits=10, window=SECOND, burst=None, margin=10_000)
SPACED = dataclasses.replace(TEN, burst=1)
NOTHING = Reading(0, 0, 0, 0, 0)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["50/s burst 1", "50/s shared by two", "50/s and concurrency 5"])
def test_no_limit_is_exceeded_and_nothing_is_lost_over_two_processes(name: str) -> None:
    with a_server() as url:
        found = measure(url, BY_NAME[name], processes=2, seconds=2.5)
    assert found.broken() == []
    assert len(found.at_redis) > 50, "it was more than one window"


@pytest.mark.timeout(180)
def test_the_command_shows_dramatiqs_own_limiters_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "--only", "concurrency 5", "--seconds", "2", "--processes", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["system"] for row in rows] == ["workstreams", "dramatiq concurrent"]
    assert rows[0]["leased_at_once"] == 5
    assert rows[0]["lost"] == 0
    assert all(row["started"] > 5 for row in rows)


def test_an_unknown_shape_is_refused_before_anything_is_started() -> None:
    with pytest.raises(SystemExit, match="found 11/s"):
        main(["limits", "--only", "11/s"])


def found(**more: object) -> Found:
    at = [second * 1_010_000 + number for second in range(3) for number in range(10)]
    plain = Found([TEN], None, at, at, [], [], 3_030_000, NOTHING, 0, 0)
    return dataclasses.replace(plain, **more)


def test_a_run_that_kept_everything_has_nothing_broken() -> None:
    assert found().broken() == []


def test_a_start_too_many_a_lost_job_and_a_slot_too_many_are_each_told() -> None:
    early = [*found().at_redis, 1_009_999]
    assert "at the server's clock" in found(at_redis=early).broken()[0]
    assert "by the jobs' clock" in found(at_jobs=[*found().at_jobs, 999_999]).broken()[0]
    assert "at one instant" in found(rates=[SPACED], at_redis=[5, 5]).broken()[0]
    assert found(lost=1).broken() == ["1 jobs are lost"]
    assert "ran at once" in found(concurrency=1, leases=[(0, 10), (9, 12)]).broken()[0]


def test_what_came_late_after_its_admission_is_not_too_much_at_the_jobs_clock() -> None:
    assert found(at_jobs=[*found().at_jobs, 999_999], late=1).broken() == []


def test_a_rate_lets_its_permits_start_at_once_and_again_after_each_window() -> None:
    assert most_starts([TEN], 1_010_000) == 10
    assert most_starts([TEN], 1_010_001) == 20
    assert most_starts([TEN, dataclasses.replace(TEN, permits=15, window=60 * SECOND)], 5_000_000) == 15


def test_a_burst_of_one_lets_them_start_one_by_one() -> None:
    assert most_starts([SPACED], 1) == 1
    assert most_starts([SPACED], 101_000) == 1
    assert most_starts([SPACED], 101_001) == 2
    assert most_starts([SPACED], 1_010_000) == 10


def test_used_is_told_of_what_the_margin_leaves() -> None:
    assert used_share(found().at_redis, [TEN], 3_030_000) == 100
    assert used_share(found().at_redis, [TEN], 3_900_000) == 100
    assert used_share(found().at_redis[:25], [TEN], 3_030_000) == pytest.approx(25 / 0.3)


def test_slots_are_used_while_jobs_run() -> None:
    assert busy_share([(0, 50), (50, 100)], 1, 100) == 100
    assert busy_share([(0, 50), (75, 125)], 1, 100) == 75
