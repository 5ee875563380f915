"""How far a job is: lines of its log, few of them, of which the last is always true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from workstreams.admit.apart import apart

__all__ = ["PAUSE", "Progress"]

#: Seconds between two lines: a job's index holds its last thousand, and its own are among them.
PAUSE = 1.0


class Progress:
    """Takes what a job says of itself, and writes a part of it.

    What is said first is written at once. What is said within a second is held back and written when
    the second is over, from a thread of its own, or when the job ends.

    Parameters:
      write: Writes one line of the job.
    """

    def __init__(self, write: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._write = write
        self._mutex = threading.Lock()
        self._held: Mapping[str, Any] | None = None
        self._not_before = 0.0
        self._timer: threading.Timer | None = None

    def say(self, fraction: float, step: str | None) -> None:
        """Take a fraction and a step.

        Raises:
          ValueError: When the fraction is not from 0 to 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"expected a fraction from 0 to 1, found {fraction!r}")
        with self._mutex:
            self._held = {"fraction": fraction} | ({} if step is None else {"step": str(step)})
            wait = self._not_before - time.monotonic()
            if wait <= 0:
                self._write_held()
            elif self._timer is None:
                self._timer = self._later(wait)

    def flush(self) -> None:
        """Write what is held back, if anything is."""
        with self._mutex:
            if self._timer is not None:
                self._timer.cancel()
            self._write_held()

    def _later(self, wait: float) -> threading.Timer:
        # In the job's own context, by which the line is known as the job's.
        timer = threading.Timer(wait, copy_context().run, (self.flush,))
        timer.daemon = True
        apart(timer.start)
        return timer

    def _write_held(self) -> None:
        held, self._held, self._timer = self._held, None, None
        if held is not None:
            self._not_before = time.monotonic() + PAUSE
            self._write("progress", held)
