"""Settings of the worker processes."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config import Pool, Recycle

SECOND = 1_000_000


def test_workers_have_the_documented_defaults(build: Build) -> None:
    worker = build().worker
    assert worker.pools == {"main": Pool(processes=2)}
    assert (worker.lease, worker.grace, worker.max_deliveries) == (15 * SECOND, 30 * SECOND, 3)
    assert worker.hard_bound == 60 * SECOND
    assert worker.recycle == Recycle(jobs=None, memory=None)


def test_processes_alone_are_those_of_the_pool_main(build: Build) -> None:
    assert build(worker={"processes": 4}).worker.pools == {"main": Pool(processes=4)}


def test_a_number_for_a_pool_is_its_processes(build: Build) -> None:
    assert build(worker={"pools": {"main": 1, "cpu": 3}}).worker.pools["cpu"].processes == 3


def test_recycling_is_read_as_jobs_and_bytes(build: Build) -> None:
    recycle = build(worker={"recycle": {"jobs": 100_000, "memory": "1GiB"}}).worker.recycle
    assert (recycle.jobs, recycle.memory) == (100_000, 2**30)


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("lease: 999ms", "worker.lease", "a duration of at least 1s"),
        ("hard_bound: 0s", "worker.hard_bound", "a duration of at least 1s"),
        ("lease: 15", "worker.lease", "a duration with its unit, such as 250ms, 30s, 5m, 2h or 7d"),
        ("processes: 0", "worker.processes", "a whole number from 1 to 1000"),
        ("pools: {main: 0}", "worker.pools.main", "a whole number from 1 to 1000"),
        ("pools: {main: {processes: x}}", "worker.pools.main.processes", "a whole number from 1 to 1000"),
        ("pools: 3", "worker.pools", "a mapping"),
        ("max_deliveries: 0", "worker.max_deliveries", "a whole number of at least 1"),
        (
            "recycle: {memory: 1}",
            "worker.recycle.memory",
            "a size with its unit, such as 512B, 256KiB, 64MiB or 1GiB",
        ),
    ],
)
def test_what_workers_cannot_run_with_is_refused(
    refused: Refused, line: str, path: str, expected: str
) -> None:
    [problem] = refused(f"worker:\n  {line}\n")
    assert (problem.path, problem.expected, problem.line) == (path, expected, 2)


def test_processes_beside_pools_are_refused(refused: Refused) -> None:
    [problem] = refused("worker: {processes: 2, pools: {main: 2}}")
    assert (problem.path, problem.found) == ("worker.processes", "both")
