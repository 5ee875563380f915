"""What every error of ours is."""

from __future__ import annotations

from typing import Any

__all__ = ["WorkstreamsError"]


class WorkstreamsError(Exception):
    """Root of everything that workstreams raises on purpose.

    Jobs go to Redis in batches, each of them all or nothing, so a send may fail after some were sent.
    An id is sent once: to send ``error.jobs[error.sent:]`` again, with the broker's ``enqueue`` or
    ``enqueue_many``, sends what is missing and nothing twice, for as long as ended jobs are kept.

    Attributes:
      jobs: Where a send failed, the jobs of that call in their order; empty where none was tried.
      sent: How many of them, from the first on, Redis has for certain.
      in_doubt: Those of a batch whose answer did not come: all of them may be sent, or none. (Some,
        after RedisUnsuitable.) What stands behind them was not sent.
    """

    jobs: tuple[Any, ...] = ()
    sent: int = 0
    in_doubt: tuple[Any, ...] = ()
