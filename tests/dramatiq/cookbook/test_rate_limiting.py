"""https://dramatiq.io/cookbook.html: rate limiting."""

from __future__ import annotations

import time
from typing import Any

import dramatiq
import pytest
from dramatiq.rate_limits import BucketRateLimiter, ConcurrentRateLimiter, WindowRateLimiter

import workstreams
from tests.dramatiq.support import Start
from workstreams.wait.broker import WorkstreamBroker


def test_a_distributed_mutex_of_dramatiqs_works_over_our_store(
    worker: Start, queues: WorkstreamBroker
) -> None:
    mutex = ConcurrentRateLimiter(workstreams.LimiterBackend(queues), "distributed-mutex", limit=1)
    inside: list[int] = []
    most: list[int] = []

    @dramatiq.actor(max_retries=None)
    def one_at_a_time() -> None:
        with mutex.acquire():
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.005)  # the work, long enough for others to come in
            inside.pop()

    worker()
    for _ in range(4):
        one_at_a_time.send()
    queues.join("default", timeout=20_000)
    assert most == [1, 1, 1, 1]


def test_a_limiter_that_cannot_be_acquired_may_say_so_instead_of_raising(queues: WorkstreamBroker) -> None:
    backend = workstreams.LimiterBackend(queues)
    mutex = ConcurrentRateLimiter(backend, "m", limit=1)
    with mutex.acquire(raise_on_failure=False) as first, mutex.acquire(raise_on_failure=False) as second:
        assert (first, second) == (True, False)
    with mutex.acquire() as third:
        assert third


@pytest.mark.parametrize("kind", [BucketRateLimiter, WindowRateLimiter])
def test_dramatiqs_other_limiters_work_over_our_store(queues: WorkstreamBroker, kind: Any) -> None:
    backend = workstreams.LimiterBackend(queues)
    wide = {"bucket": 3_600_000} if kind is BucketRateLimiter else {"window": 60}
    limiter = kind(backend, "w", limit=2, **wide)
    acquired = []
    for _ in range(3):
        with limiter.acquire(raise_on_failure=False) as got:
            acquired.append(got)
    assert acquired == [True, True, False]
