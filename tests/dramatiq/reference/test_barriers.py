"""https://dramatiq.io/reference.html: barriers."""

from __future__ import annotations

import threading

from dramatiq.rate_limits import Barrier

import workstreams
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_barrier_is_reached_by_the_last_of_its_parties(queues: WorkstreamBroker) -> None:
    backend = workstreams.LimiterBackend(queues)
    barrier = Barrier(backend, "some-barrier", ttl=30_000)
    assert barrier.create(parties=3)
    assert not barrier.create(parties=3)
    assert [barrier.wait(block=False) for _ in range(3)] == [False, False, True]


def test_who_waits_at_a_barrier_is_let_go_by_the_last_party(queues: WorkstreamBroker) -> None:
    barrier = Barrier(workstreams.LimiterBackend(queues), "b", ttl=30_000)
    barrier.create(parties=2)
    passed: list[bool] = []
    waiting = threading.Thread(target=lambda: passed.append(barrier.wait(timeout=10_000)))
    waiting.start()
    wait_until(lambda: queues.link.scripts.client.get(queues.link.keys.root + "counter:b") == b"1")
    assert barrier.wait() is True
    waiting.join(5)
    assert passed == [True]


def test_who_waits_at_a_barrier_in_vain_is_told_so(queues: WorkstreamBroker) -> None:
    barrier = Barrier(workstreams.LimiterBackend(queues), "b", ttl=30_000)
    barrier.create(parties=2)
    assert barrier.wait(timeout=50) is False
