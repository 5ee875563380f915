"""Counts arrivals in every one-second window, at the clock of the one who receives them."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Arrivals", "Counts"]

_SECOND = 1_000_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What arrived so far.

    Attributes:
      allowed: Arrivals accepted in any second.
      arrived: All arrivals, the refused ones included.
      refused: Arrivals above what is allowed.
      last_second: Arrivals within the last second.
      worst_second: The most arrivals in any second so far.
    """

    allowed: int
    arrived: int = 0
    refused: int = 0
    last_second: int = 0
    worst_second: int = 0


class Arrivals:
    """An exact sliding log: no window of one second, wherever it begins, holds more than is allowed.

    Parameters:
      allowed: Arrivals accepted in any second.
      clock: Returns nanoseconds and never goes back.
    """

    def __init__(self, allowed: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._allowed = allowed
        self._clock = clock
        self._mutex = threading.Lock()
        self._recent: deque[int] = deque()
        self._accepted: deque[int] = deque()
        self._arrived = self._refused = self._worst = 0

    def arrive(self) -> int:
        """Count an arrival.

        Returns:
          0 when it is accepted, else the nanoseconds until another one would be.
        """
        with self._mutex:
            now = self._clock()
            self._recent.append(now)
            _forget(self._recent, now)
            _forget(self._accepted, now)
            self._arrived += 1
            self._worst = max(self._worst, len(self._recent))
            if len(self._accepted) < self._allowed:
                self._accepted.append(now)
                return 0
            self._refused += 1
            return self._accepted[0] + _SECOND - now

    def counts(self) -> Counts:
        """What arrived so far."""
        with self._mutex:
            _forget(self._recent, self._clock())
            return Counts(self._allowed, self._arrived, self._refused, len(self._recent), self._worst)


def _forget(log: deque[int], now: int) -> None:
    while log and log[0] <= now - _SECOND:
        log.popleft()
