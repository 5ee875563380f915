from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import wait_until
from workstreams.finish.barriers import LimiterBackend
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def backend(broker: WorkstreamBroker) -> LimiterBackend:
    return LimiterBackend(broker)


def test_a_number_is_added_once_until_it_expires(backend: LimiterBackend) -> None:
    assert backend.add("k", 3, 60)
    assert not backend.add("k", 3, 60)
    wait_until(lambda: backend.add("k", 3, 60), timeout=5)


def test_a_number_is_never_above_or_below_its_bounds(backend: LimiterBackend) -> None:
    assert [backend.incr("k", 2, 5, 10_000) for _ in range(3)] == [True, True, False]
    assert [backend.decr("k", 2, 1, 10_000) for _ in range(2)] == [True, False]


def test_a_sum_of_numbers_is_never_above_its_bound(backend: LimiterBackend) -> None:
    backend.add("a", 2, 10_000)
    backend.add("b", 2, 10_000)
    # Dramatiq's limiters name the number itself among those summed.
    taken = [backend.incr_and_sum("a", lambda: ["a", "b"], 1, 5, 10_000) for _ in range(2)]
    assert taken == [True, False]


def test_a_change_renews_how_long_a_number_is_kept(backend: LimiterBackend, broker: WorkstreamBroker) -> None:
    backend.add("k", 1, 1_000)
    backend.incr("k", 1, 9, 60_000)
    assert broker.link.scripts.client.pttl(broker.link.keys.root + "counter:k") > 50_000


def test_many_at_once_take_exactly_what_there_is(backend: LimiterBackend) -> None:
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: backend.incr("k", 1, 10, 10_000), range(40)))
    assert taken.count(True) == 10


def test_a_notification_reaches_all_who_wait_and_who_come_later(backend: LimiterBackend) -> None:
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(backend.wait, "e", 10_000) for _ in range(2)]
        backend.wait_notify("e", 10_000)
        assert [one.result(5) for one in waiting] == [True, True]
    assert backend.wait("e", None)


def test_a_wait_ends_when_its_time_is_over(backend: LimiterBackend) -> None:
    began = time.monotonic()
    assert not backend.wait("e", 80)
    assert time.monotonic() - began >= 0.08
