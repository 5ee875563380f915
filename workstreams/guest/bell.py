"""What a block waits for: that somebody tells it to ask again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Protocol

__all__ = ["Bell", "LoopBell", "Rings"]

#: Seconds of a wait in which Python takes no step.
STEP = 0.5


class Rings(Protocol):
    """What may be rung from any thread."""

    def ring(self) -> None:
        """Wake who waits, or the next who does."""


class Bell:
    """For a thread. An event is locked by Python: who is interrupted there leaves it locked, and whoever sets
    it then hangs.
    """

    def __init__(self) -> None:
        # Locked while it is silent.
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread; what is rung twice before it waits is heard once."""
        with contextlib.suppress(RuntimeError):
            self._lock.release()

    def wait(self, seconds: float) -> None:
        """Wait until it rings, so many seconds at most."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._lock.acquire(timeout=min(STEP, left)):
            """Between two steps a cancel or a time limit can interrupt a job that waits here."""


class LoopBell:
    """For a coroutine of the loop that runs."""

    def __init__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()

    def ring(self) -> None:
        """Wake the coroutine, if its loop is not closed: then nobody is left who waits."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        """Wait until it rings, so many seconds at most."""
        # No thread waits: it would be one that those who are in may need to leave. (wait_for of Python 3.11
        # forgets a cancel that comes together with the event.)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
