"""The queue from which a Dramatiq worker's threads take their work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, PriorityQueue
from threading import Lock
from typing import Any

from workstreams.admit.delivery import Delivery, Grant

__all__ = ["WorkQueue"]


class WorkQueue(PriorityQueue[Any]):
    """Takes the place of a worker's ``work_queue``: admission puts what it was granted here itself.

    What admission gives may start at once, in that order, so nothing is left to be sorted. With
    Dramatiq's own queue each delivery went through a consumer's thread and woke a worker thread of
    its own, which for a short job was a third of what it cost. Here a thread that has ended a job takes
    the next, and a sleeping one is woken while there is more. It makes the delivery of the grant as well,
    while the exchange is back at Redis for more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Grant] = deque()
        self._open: Callable[[Grant], Delivery | None] | None = None
        # Locked while it is silent. A SimpleQueue's own timed wait is not used: when another thread takes
        # what a sleeper was woken for and its time is over by then, it goes on for ever (CPython 3.11, 3.12).
        self._bell = Lock()
        self._bell.acquire()

    def open_with(self, opening: Callable[[Grant], Delivery | None]) -> None:
        """Say what makes a delivery of a grant, or returns None for one that has ended by that."""
        self._open = opening

    def put_all(self, grants: Sequence[Grant]) -> None:
        """Add what was granted; it never waits."""
        with self.mutex:
            self.unfinished_tasks += len(grants)
        self._waiting.extend(grants)
        self._ring()

    def put_next(self, grant: Grant) -> None:
        """Add what this very thread, or one that ends before it, is about to take: no other is woken."""
        with self.mutex:
            self.unfinished_tasks += 1
        self._waiting.append(grant)

    def get(self, block: bool = True, timeout: float | None = None) -> Delivery:
        """The next delivery.

        Parameters:
          block: Whether to wait for one.
          timeout: Seconds to wait; None is for ever.

        Raises:
          queue.Empty: When there is none by then.
        """
        while True:
            try:
                grant = self._waiting.popleft()
            except IndexError:
                if not block:
                    raise Empty from None
                grant = self._wait(None if timeout is None else time.monotonic() + timeout)
            assert self._open is not None
            delivery = self._open(grant)
            if delivery is not None:
                return delivery
            self.task_done()

    def _wait(self, deadline: float | None) -> Grant:
        while True:
            left = -1.0 if deadline is None else deadline - time.monotonic()
            if (deadline is not None and left <= 0) or not self._bell.acquire(timeout=left):
                raise Empty
            try:
                grant = self._waiting.popleft()
            except IndexError:
                continue
            # Whoever is woken wakes the next, while there is more.
            if self._waiting:
                self._ring()
            return grant

    def _ring(self) -> None:
        if self._bell.locked():
            try:
                self._bell.release()
            except RuntimeError:
                return  # another thread was quicker

    def get_nowait(self) -> Delivery:
        """The next delivery, if there is one now."""
        return self.get(block=False)

    def qsize(self) -> int:
        """How many grants no thread has taken."""
        return len(self._waiting)

    def task_done(self) -> None:
        """A delivery has ended; the last one tells who joins the queue."""
        with self.mutex:
            if self.unfinished_tasks > 1:
                self.unfinished_tasks -= 1
                return
        super().task_done()

    def drain(self) -> list[Grant]:
        """Take everything that no thread took."""
        left: list[Grant] = []
        while True:
            try:
                left.append(self._waiting.popleft())
            except IndexError:
                return left
            self.task_done()
