"""The event loop of a worker's ``async`` actors, on a thread that keeps no process from ending."""

from __future__ import annotations

from typing import Any

from dramatiq import Broker
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.middleware import AsyncIO, Middleware

__all__ = ["WorkstreamAsyncIO"]

#: Seconds for the loop to begin.
START = 5.0


class WorkstreamAsyncIO(AsyncIO):
    """Dramatiq's ``AsyncIO``, whose thread a process would wait for even if its boot failed."""

    def absorb(self, other: Middleware) -> bool:
        """Be enough where one of Dramatiq's is added: a second loop would never be stopped."""
        return type(other) is AsyncIO

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        """Start the loop."""
        thread = EventLoopThread(self.logger)
        thread.daemon = True
        thread.start(timeout=START)
        set_event_loop_thread(thread)
