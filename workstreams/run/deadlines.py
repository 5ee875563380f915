"""Interrupts threads whose time is over."""

from __future__ import annotations

import logging
import threading
import time

from dramatiq.middleware import raise_thread_exception
from dramatiq.middleware.time_limit import TimeLimitExceeded

__all__ = ["Deadlines"]


class Deadlines(threading.Thread):
    """Raises ``TimeLimitExceeded`` in threads that run on beyond their deadline.

    In the place of Dramatiq's, which decides under its lock and raises after it: a job that ends in
    between is followed by an interruption of the next one on its thread, which did nothing.

    Parameters:
      interval: Seconds between two looks.
    """

    def __init__(self, interval: float) -> None:
        super().__init__(name="workstreams-deadlines", daemon=True)
        self._interval = interval
        self._mutex = threading.Lock()
        self._deadlines: dict[int, float] = {}

    def add_timeout(self, thread: int, milliseconds: float) -> None:
        """Interrupt a thread, once, when so many milliseconds are over."""
        deadline = time.monotonic() + milliseconds / 1000
        with self._mutex:
            self._deadlines[thread] = deadline

    def remove_timeout(self, thread: int) -> None:
        """Do not interrupt it any more: from when this returns nothing is raised in it.

        Raises:
          TimeLimitExceeded: When its time was over a moment ago.
        """
        with self._mutex:
            self._deadlines.pop(thread, None)

    def run(self) -> None:
        while True:
            try:
                self._look()
            except Exception:
                # Without this thread no job would ever be interrupted.
                logging.getLogger("workstreams").exception("deadlines_failed")
            time.sleep(self._interval)  # between two looks

    def _look(self) -> None:
        with self._mutex:
            now = time.monotonic()
            for thread in [one for one, deadline in self._deadlines.items() if now >= deadline]:
                del self._deadlines[thread]
                # Under the mutex: once a job has ended, its thread runs another.
                raise_thread_exception(thread, TimeLimitExceeded)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
