"""The queue from which a Dramatiq worker's threads take their work."""

from __future__ import annotations

import contextlib
import time
from queue import Empty, PriorityQueue, SimpleQueue
from threading import Lock
from typing import Any

from workstreams.admit.delivery import Delivery

__all__ = ["WorkQueue"]


class WorkQueue(PriorityQueue[Any]):
    """Takes the place of a worker's ``work_queue``: admission puts deliveries here itself.

    What admission gives may start at once, in that order, so nothing is left to be sorted. With
    Dramatiq's own queue each delivery went through a consumer's thread and woke a worker thread of
    its own, which for a short job was a third of what it cost. Here a thread that has ended a job takes
    the next, and a sleeping one is woken while there is more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: SimpleQueue[Delivery] = SimpleQueue()
        # Locked while it is silent. A SimpleQueue's own timed wait is not used: when another thread takes
        # what a sleeper was woken for and its time is over by then, it goes on for ever (CPython 3.11, 3.12).
        self._bell = Lock()
        self._bell.acquire()

    def put(self, item: Delivery, block: bool = True, timeout: float | None = None) -> None:
        """Add a delivery; it never waits."""
        with self.mutex:
            self.unfinished_tasks += 1
        self._waiting.put(item)
        self._ring()

    def get(self, block: bool = True, timeout: float | None = None) -> Delivery:
        """The next delivery.

        Parameters:
          block: Whether to wait for one.
          timeout: Seconds to wait; None is for ever.

        Raises:
          queue.Empty: When there is none by then.
        """
        with contextlib.suppress(Empty):
            return self._waiting.get_nowait()
        if not block:
            raise Empty
        return self._wait(None if timeout is None else time.monotonic() + timeout)

    def _wait(self, deadline: float | None) -> Delivery:
        while True:
            left = -1.0 if deadline is None else deadline - time.monotonic()
            if (deadline is not None and left <= 0) or not self._bell.acquire(timeout=left):
                raise Empty
            with contextlib.suppress(Empty):
                delivery = self._waiting.get_nowait()
                # Whoever is woken wakes the next, while there is more.
                if self._waiting.qsize():
                    self._ring()
                return delivery

    def _ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # it rings already
            self._bell.release()

    def get_nowait(self) -> Delivery:
        """The next delivery, if there is one now."""
        return self._waiting.get_nowait()

    def qsize(self) -> int:
        """How many deliveries no thread has taken."""
        return self._waiting.qsize()

    def task_done(self) -> None:
        """A delivery has ended; the last one tells who joins the queue."""
        with self.mutex:
            if self.unfinished_tasks > 1:
                self.unfinished_tasks -= 1
                return
        super().task_done()

    def drain(self) -> list[Delivery]:
        """Take everything that no thread took."""
        left: list[Delivery] = []
        while True:
            try:
                left.append(self._waiting.get_nowait())
            except Empty:
                return left
            self.task_done()
