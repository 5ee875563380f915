from __future__ import annotations

import contextlib
import threading
import time
from queue import Empty

import pytest

from tests.admit.test_lane import granted, queue_of


def test_deliveries_come_out_in_the_order_they_went_in_and_are_their_own_message() -> None:
    queue = queue_of()
    for name in "cab":
        queue.put_all([granted(name)])
    assert queue.qsize() == 3
    assert [queue.get().message.message_id for _ in range(2)] + [queue.get_nowait().message_id] == [
        "c",
        "a",
        "b",
    ]


def test_an_empty_queue_says_so_after_its_time() -> None:
    queue = queue_of()
    for get in (queue.get_nowait, lambda: queue.get(timeout=0.01), lambda: queue.get(block=False)):
        with pytest.raises(Empty):
            get()


def test_every_sleeping_thread_is_woken_while_there_is_work() -> None:
    queue, together = queue_of(), threading.Barrier(5)

    def work() -> None:
        queue.get(timeout=10)
        # Each holds its own until all have one.
        together.wait(10)
        queue.task_done()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for name in "abcd":
        queue.put_all([granted(name)])
    together.wait(10)
    queue.join()
    for thread in threads:
        thread.join(10)


def test_a_sleeper_whose_delivery_was_taken_by_another_thread_wakes_at_its_time() -> None:
    queue, ended, go_on = queue_of(), threading.Barrier(5), threading.Event()

    def sleep() -> None:
        while not go_on.is_set():
            with contextlib.suppress(Empty):
                queue.get(timeout=0.001)
        ended.wait(10)

    threads = [threading.Thread(target=sleep, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        queue.put_all([granted("a")])
        with contextlib.suppress(Empty):
            queue.get_nowait()
    go_on.set()
    ended.wait(10)
    for thread in threads:
        thread.join(10)


def test_who_joins_waits_for_what_was_taken_and_not_for_what_was_drained() -> None:
    queue, joined = queue_of(), threading.Event()
    for name in "abc":
        queue.put_all([granted(name)])
    queue.get()
    assert [one.job_id for one in queue.drain()] == ["b", "c"]
    assert queue.drain() == []
    assert queue.unfinished_tasks == 1

    def join() -> None:
        queue.join()
        joined.set()

    waiter = threading.Thread(target=join)
    waiter.start()
    assert not joined.wait(0.05)
    queue.task_done()
    assert joined.wait(10)
    waiter.join()
