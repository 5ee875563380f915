"""Keeps the lease of a process that no supervisor watches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import redis
import structlog

from workstreams.admit.sessions import Renewal, Sessions

__all__ = ["Renewer", "pause_before_next"]

#: Seconds before another try after a failed renewal.
RETRY = 0.25


def pause_before_next(lease: float, next_expiry: float | None) -> float:
    """Seconds until the next renewal: a third of the lease, or when somebody's may run out."""
    pause = lease / 3
    if next_expiry is not None:
        # Just after it, since a lease is over only once its moment has passed.
        pause = min(pause, next_expiry + 0.01)
    return max(pause, 0.05)


class Renewer(threading.Thread):
    """Renews one session every third of its lease, and sweeps others that ran out.

    Parameters:
      sessions: Over a client of its own.
      sid: The session.
      lease_us: How long it holds, in µs.
      lost: Called when it is over all the same; whoever is told opens it again or stops this.
    """

    def __init__(self, sessions: Sessions, sid: str, lease_us: int, lost: Callable[[], None]) -> None:
        super().__init__(name="workstreams-renewer", daemon=True)
        self._sessions = sessions
        self._sid = sid
        self._lease_us = lease_us
        self._lost = lost
        self._stopped = threading.Event()
        self._overdue: frozenset[str] = frozenset()
        self._log: Any = structlog.get_logger("workstreams")

    def run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._renew()
            except redis.RedisError:
                pause = RETRY
            except Exception:
                # Without this thread the lease would run out, and all jobs run twice.
                self._log.exception("renewal_failed")
                pause = RETRY

    def stop(self) -> None:
        """Stop renewing; returns at once."""
        self._stopped.set()

    def _renew(self) -> float:
        """Renew once, and return the seconds until the next time."""
        renewal = self._sessions.renew([self._sid], self._lease_us)
        if renewal.lost:
            self._lost()
        self._tell_overdue(renewal)
        return pause_before_next(self._lease_us / 1_000_000, renewal.next_expiry)

    def _tell_overdue(self, renewal: Renewal) -> None:
        """Say once of each job that it is past its hard bound: nobody is there to end its process."""
        overdue = frozenset(job for _, job in renewal.overdue)
        for job in sorted(overdue - self._overdue):
            self._log.error(
                "job_overdue",
                overdue=job,
                hint="it keeps its thread and its slots until it ends: restart this process, or run it under "
                "`workstreams worker`, which ends a process for that",
            )
        self._overdue = overdue
