from __future__ import annotations

from queue import Empty
from typing import Any

from tests.admit.fakes import grant
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.lane import LEAST_BATCH, Lane
from workstreams.admit.work_queue import WorkQueue
from workstreams.send.job import Job


def granted(job_id: str) -> Grant:
    return Grant.of(grant(job_id), 0.0)


def delivery(job_id: str) -> Delivery:
    job: Job[Any] = Job("mail", "act", (), {}, {}, message_id=job_id)
    return Delivery(job, granted(job_id))


def queue_of() -> WorkQueue:
    queue = WorkQueue()
    queue.open_with(lambda one: delivery(one.job_id))
    return queue


class Bench:
    """A lane of two threads, and what it let begin."""

    def __init__(self, read_ahead: int = 0) -> None:
        self._queue = queue_of()
        self._begun: list[str] = []
        self.lane = Lane("mail", 2, False, None, self._queue, read_ahead)

    def put(self, names: str) -> None:
        self.lane.put([granted(name) for name in names])

    @property
    def begun(self) -> str:
        try:
            while True:
                self._begun.append(self._queue.get_nowait().message_id)
        except Empty:
            return "".join(self._begun)


def test_deliveries_begin_in_the_order_they_came_in() -> None:
    bench = Bench()
    bench.put("ab")
    bench.put("c")
    assert bench.begun == "abc"


def test_what_is_read_ahead_begins_only_when_a_thread_of_its_own_is_free() -> None:
    bench = Bench(read_ahead=1)
    bench.put("a")
    bench.put("bcd")
    assert bench.begun == "ab"
    bench.lane.leave()
    assert bench.begun == "abc"
    for _ in range(3):
        bench.lane.leave()
    bench.put("e")
    assert bench.begun == "abcde"


def test_draining_takes_what_was_read_ahead_and_did_not_begin() -> None:
    bench = Bench(read_ahead=1)
    bench.put("abcd")
    assert [one.job_id for one in bench.lane.drain()] == ["c", "d"]
    bench.lane.leave()
    assert bench.begun == "ab"
    assert bench.lane.drain() == Bench().lane.drain() == []


def test_idle_threads_are_those_without_a_delivery() -> None:
    lane = Bench(read_ahead=2).lane
    lane.busy = 2
    assert lane.idle == 4


def test_half_of_the_threads_are_asked_for_in_one_call_so_that_they_run_while_the_others_are() -> None:
    lane = Lane("mail", 16, False, None, queue_of())
    assert lane.ask() == 8
    lane.busy = 3
    assert lane.ask() == 5
    assert lane.idle == 0


def test_few_threads_are_asked_for_in_one_call() -> None:
    for threads in range(1, LEAST_BATCH + 1):
        assert Lane("mail", threads, False, None, queue_of()).ask() == threads


def test_a_second_batch_may_be_asked_for_while_there_was_enough_for_the_last_one() -> None:
    lane = Lane("mail", 8, False, None, queue_of())
    assert not lane.has_a_batch, "nobody knows whether there is anything"
    lane.note("", 0, 1.0)
    assert lane.has_a_batch
    lane.busy = 5
    assert not lane.has_a_batch, "three threads are no batch"
    lane.busy = 4
    lane.note("rate", 1000, 1.0)
    assert not lane.has_a_batch
