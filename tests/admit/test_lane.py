from __future__ import annotations

import threading
import time
from typing import Any

from tests.admit.fakes import grant
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.lane import Lane
from workstreams.send.job import Job


def delivery(job_id: str) -> Delivery:
    job: Job[Any] = Job("mail", "act", (), {}, {}, message_id=job_id)
    return Delivery(job, Grant.of(grant(job_id), 0.0))


def test_deliveries_come_out_in_the_order_they_went_in() -> None:
    lane = Lane("mail", 2, False, None)
    for name in "abc":
        lane.put(delivery(name))
    assert [one.message_id for _ in range(3) if (one := lane.next(0)) is not None] == ["a", "b", "c"]


def test_an_empty_lane_gives_nothing_after_its_time() -> None:
    began = time.monotonic()
    assert Lane("mail", 2, False, None).next(0.05) is None
    assert time.monotonic() - began >= 0.05


def test_a_nudge_ends_the_wait_of_a_consumer() -> None:
    lane = Lane("mail", 2, False, None)
    threading.Timer(0.02, lane.nudge).start()
    began = time.monotonic()
    assert lane.next(30) is None
    assert time.monotonic() - began < 10


def test_draining_takes_what_is_left_and_no_nudges() -> None:
    lane = Lane("mail", 2, False, None)
    lane.put(delivery("a"))
    lane.nudge()
    lane.put(delivery("b"))
    assert [one.message_id for one in lane.drain()] == ["a", "b"]
    assert lane.drain() == []


def test_idle_threads_are_those_without_a_delivery() -> None:
    lane = Lane("mail", 3, False, None)
    lane.busy = 2
    assert lane.idle == 1
