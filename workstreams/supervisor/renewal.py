"""Renews the leases of the processes that live, and ends the sessions of those that are gone.

On a thread and a connection of its own: neither a flood of lines nor a slow start may delay
a renewal.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable

import psutil
import redis

from workstreams.admit.renewer import pause_before_next
from workstreams.admit.sessions import Sessions

__all__ = ["Renewal", "Watched"]

#: Seconds before another try after a failed call.
RETRY = 0.25

#: A process in one of these states runs no job, whatever it holds.
NOT_RUNNING = frozenset(
    {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """A process whose session is renewed.

    Attributes:
      sid: Its session.
      pid: Its process id.
    """

    sid: str
    pid: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Ended:
    sid: str
    why: str
    blame: bool
    guilty: frozenset[str]


class Renewal(threading.Thread):
    """Watches over the sessions of one supervisor.

    Parameters:
      sessions: Over a client of its own.
      lease_us: How long a lease holds, in µs.
      on_lost: Called with a session that is over although its process lives.
      on_overdue: Called with a session and the job in it that is past its hard bound.
    """

    def __init__(
        self,
        sessions: Sessions,
        lease_us: int,
        on_lost: Callable[[str], None],
        on_overdue: Callable[[str, str], None],
    ) -> None:
        super().__init__(name="workstreams-renewal", daemon=True)
        self._sessions = sessions
        self._lease_us = lease_us
        self._on_lost = on_lost
        self._on_overdue = on_overdue
        self._changed = threading.Condition()
        self._watched: dict[str, Watched] = {}
        self._ended: list[_Ended] = []
        self._stopped = False

    def watch(self, process: Watched) -> None:
        """Renew this session from now on."""
        with self._changed:
            self._watched[process.sid] = process
            self._changed.notify()

    def end(self, sid: str, why: str, *, blame: bool, guilty: frozenset[str] = frozenset()) -> None:
        """A process is gone for certain: hand back at once what it held.

        Parameters:
          sid: Its session.
          why: What ended it.
          blame: Whether the deliveries count against the jobs.
          guilty: Only against these, if there are any.
        """
        with self._changed:
            self._watched.pop(sid, None)
            self._ended.append(_Ended(sid, why, blame, guilty))
            self._changed.notify()

    def stop(self, timeout: float) -> bool:
        """End the thread after it has told Redis of every ended session.

        Parameters:
          timeout: Seconds to wait for that.

        Returns:
          Whether Redis knows of all.
        """
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self.join(timeout)
        return not self._ended

    def run(self) -> None:
        next_renewal = 0.0
        while True:
            with self._changed:
                wait = next_renewal - time.monotonic()
                if not self._ended and not self._stopped and wait > 0:
                    self._changed.wait(wait)
                if self._stopped and not self._ended:
                    return
                ended, watched = list(self._ended), list(self._watched.values())
            try:
                self._tell_ended(ended)
                if time.monotonic() >= next_renewal:
                    next_renewal = time.monotonic() + self._renew(watched)
            except redis.RedisError:
                self._rest()
            except Exception:
                # Without this thread every lease would run out, and all jobs run twice.
                logging.getLogger("workstreams").exception("renewal_failed")
                self._rest()

    def _rest(self) -> None:
        with self._changed:
            self._changed.wait(RETRY)

    def _tell_ended(self, ended: list[_Ended]) -> None:
        for one in ended:
            self._sessions.end(one.sid, one.why, blame=one.blame, guilty=one.guilty)
            with self._changed:
                self._ended.remove(one)

    def _renew(self, watched: list[Watched]) -> float:
        alive = [one.sid for one in watched if _runs(one.pid)]
        renewal = self._sessions.renew(alive, self._lease_us)
        for sid in renewal.lost:
            self._on_lost(sid)
        for sid, member in renewal.overdue:
            self._on_overdue(sid, member)
        return pause_before_next(self._lease_us / 1_000_000, renewal.next_expiry)


def _runs(pid: int) -> bool:
    """Whether the kernel calls the process running or sleeping.

    A C call that holds the interpreter is running; a stopped process is not, and loses its lease.
    """
    try:
        return psutil.Process(pid).status() not in NOT_RUNNING
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        # The kernel does not tell: it is there, and a lease is not to be lost over that.
        return True
