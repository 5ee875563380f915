from __future__ import annotations

from typing import Any

from tests.admit.fakes import grant
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.lane import Lane
from workstreams.send.job import Job


def delivery(job_id: str) -> Delivery:
    job: Job[Any] = Job("mail", "act", (), {}, {}, message_id=job_id)
    return Delivery(job, Grant.of(grant(job_id), 0.0))


def lane_of(begun: list[str], read_ahead: int = 0) -> Lane:
    return Lane("mail", 2, False, None, lambda one: begun.append(one.message_id), read_ahead)


def test_deliveries_begin_in_the_order_they_came_in() -> None:
    begun: list[str] = []
    lane = lane_of(begun)
    for name in "abc":
        lane.put(delivery(name))
    assert begun == ["a", "b", "c"]


def test_what_is_read_ahead_begins_only_when_a_thread_of_its_own_is_free() -> None:
    begun: list[str] = []
    lane = lane_of(begun, read_ahead=1)
    for name in "abcd":
        lane.put(delivery(name))
    assert begun == ["a", "b"]
    lane.leave()
    assert begun == ["a", "b", "c"]
    lane.leave()
    lane.leave()
    lane.leave()
    lane.put(delivery("e"))
    assert begun == ["a", "b", "c", "d", "e"]


def test_draining_takes_what_was_read_ahead_and_did_not_begin() -> None:
    begun: list[str] = []
    lane = lane_of(begun, read_ahead=1)
    for name in "abcd":
        lane.put(delivery(name))
    assert [one.message_id for one in lane.drain()] == ["c", "d"]
    lane.leave()
    assert begun == ["a", "b"]
    assert lane.drain() == lane_of([]).drain() == []


def test_idle_threads_are_those_without_a_delivery() -> None:
    lane = lane_of([], read_ahead=2)
    lane.busy = 2
    assert lane.idle == 4
