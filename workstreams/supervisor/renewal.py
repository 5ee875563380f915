"""Renews the leases of the processes that live, and ends the sessions of those that are gone.

On a thread and a connection of its own: neither a flood of lines nor a slow start may delay
a renewal. A renewal comes before every end: a late end costs a job a moment, a late renewal all
jobs of this supervisor a second run.
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
from workstreams.admit.sessions import Renewal as Renewed
from workstreams.admit.sessions import Sessions
from workstreams.store.scripts import ScriptFailed
from workstreams.supervisor.tails import Tails

__all__ = ["Ended", "Renewal", "Watched"]

#: Seconds before another try after a failed call.
RETRY = 0.25

#: Times that an end is told which the script cannot carry out; its lease runs out all the same.
MOST_FAILURES = 3

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


@dataclasses.dataclass(slots=True)
class Ended:
    """The session of a process that is gone for certain.

    Attributes:
      sid: Its name.
      why: What ended the process.
      blame: Whether the deliveries count against the jobs.
      guilty: Only against these, if there are any.
      tails: Its jobs' last lines, for the record of one that is dead by this.
      failures: How often the script could not carry it out.
    """

    sid: str
    why: str
    blame: bool
    guilty: frozenset[str] = frozenset()
    tails: Tails | None = None
    failures: int = 0


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
        self._ended: list[Ended] = []
        self._stopped = False
        #: Monotonic seconds before which nothing is renewed, and no end told.
        self._renew_at = self._tell_at = 0.0

    def watch(self, process: Watched) -> None:
        """Renew this session from now on, whether it is open yet or not."""
        with self._changed:
            self._watched[process.sid] = process
            self._changed.notify()

    def forget(self, sid: str) -> None:
        """Renew it no more; it held nothing."""
        with self._changed:
            self._watched.pop(sid, None)

    def end(self, ended: Ended) -> None:
        """A process is gone for certain: hand back at once what it held."""
        with self._changed:
            self._watched.pop(ended.sid, None)
            self._ended.append(ended)
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
        while self._wait():
            if time.monotonic() >= self._renew_at:
                self._renew()
            if time.monotonic() >= self._tell_at:
                self._tell_ended()

    def _wait(self) -> bool:
        """Sleep until there is something to do; whether there will be."""
        with self._changed:
            while not self._stopped or self._ended:
                times = [self._renew_at, self._tell_at] if self._ended else [self._renew_at]
                wait = min(times) - time.monotonic()
                if wait <= 0:
                    return True
                self._changed.wait(wait)
        return False

    def _renew(self) -> None:
        """Renew what lives, and note when to do so next."""
        with self._changed:
            alive = [one.sid for one in self._watched.values() if _runs(one.pid)]
        lease = self._lease_us / 1_000_000
        try:
            renewal = self._sessions.renew(alive, self._lease_us)
        except ScriptFailed:
            # It has renewed, and failed at what it sweeps besides.
            self._log("renewal_failed")
            self._renew_at = time.monotonic() + pause_before_next(lease, None)
        except redis.RedisError:
            # To wait for a reply to an end, too, would put off the next try.
            self._renew_at = self._tell_at = time.monotonic() + RETRY
        except Exception:
            # Without this thread every lease would run out, and all jobs run twice.
            self._log("renewal_failed")
            self._renew_at = time.monotonic() + RETRY
        else:
            self._renew_at = time.monotonic() + pause_before_next(lease, renewal.next_expiry)
            self._report(renewal)

    def _report(self, renewal: Renewed) -> None:
        for sid in renewal.lost:
            self._on_lost(sid)
        for sid, member in renewal.overdue:
            self._on_overdue(sid, member)

    def _tell_ended(self) -> None:
        with self._changed:
            ended = list(self._ended)
        for one in ended:
            try:
                settled = self._tell(one)
            except (redis.ConnectionError, redis.TimeoutError):
                # Nor would the others be heard, and each would wait as long.
                self._tell_at = time.monotonic() + RETRY
                return
            if settled:
                with self._changed:
                    self._ended.remove(one)
            else:
                self._tell_at = time.monotonic() + RETRY
            if time.monotonic() >= self._renew_at:
                return

    def _tell(self, one: Ended) -> bool:
        """Tell one end; whether nothing is left to do about it."""
        try:
            last = one.tails.of if one.tails is not None and one.blame else None
            self._sessions.end(one.sid, one.why, blame=one.blame, guilty=one.guilty, last_lines=last)
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception as error:
            # A server that only reads, or is full, may take it later.
            one.failures += isinstance(error, ScriptFailed) or not isinstance(error, redis.RedisError)
            if one.failures < MOST_FAILURES:
                return False
            self._log("session_not_ended")
        return True

    def _log(self, event: str) -> None:
        logging.getLogger("workstreams").exception(event)


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
