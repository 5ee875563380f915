"""Sessions: the leases of worker processes, kept by whoever watches them."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from workstreams.store.scripts import Scripts

__all__ = ["Renewal", "SessionInfo", "Sessions", "new_sid"]


def new_sid() -> str:
    """A name for a new session."""
    return uuid4().hex[:16]


@dataclasses.dataclass(frozen=True, slots=True)
class SessionInfo:
    """Who a session is.

    Attributes:
      sid: Its name.
      worker: How its process is called in logs, ``host:pid``.
      pool: The pool it works for.
      workstreams: What it works on.
      max_deliveries: Deliveries ended by a dying process until a job is poison.
      host: The machine.
      pid: The process.
      watched: Whether a supervisor renews it, and says so when its process has died: then a lease that
        only ran out counts for less.
    """

    sid: str
    worker: str
    pool: str
    workstreams: tuple[str, ...]
    max_deliveries: int
    host: str = dataclasses.field(default_factory=socket.gethostname)
    pid: int = dataclasses.field(default_factory=os.getpid)
    watched: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal said.

    Attributes:
      lost: Sessions that are over: their jobs have been given to others.
      overdue: (session, job) of jobs past their hard bound.
      next_expiry: Seconds until the next lease of anybody may run out; None if none is held.
    """

    lost: tuple[str, ...]
    overdue: tuple[tuple[str, str], ...]
    next_expiry: float | None


class Sessions:
    """The operations on sessions.

    Parameters:
      scripts: Over a client of their own: a renewal must not wait behind anything.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._epoch = ""

    def _call(self, **fields: object) -> dict[str, object]:
        return {**fields, "epoch": self._epoch, "fresh": uuid4().hex}

    def open(self, info: SessionInfo, lease_us: int) -> str:
        """Begin a session.

        Parameters:
          info: Who it is.
          lease_us: µs for which it holds without being renewed.

        Returns:
          The epoch of the data set.
        """
        memory = self._scripts.client.info("memory")
        call = self._call(
            sid=info.sid,
            lease=lease_us,
            max_deliveries=info.max_deliveries,
            bounded="1" if memory.get("maxmemory") else "0",
            worker=info.worker,
            host=info.host,
            pid=info.pid,
            pool=info.pool,
            workstreams=",".join(info.workstreams),
            watched="1" if info.watched else "0",
        )
        self._epoch = self._scripts.run("open_session", call)[0].decode()
        return self._epoch

    def renew(self, sids: Sequence[str], lease_us: int) -> Renewal:
        """Renew leases, and sweep those of others that ran out.

        Parameters:
          sids: The sessions whose processes live.
          lease_us: µs from now for which they hold.
        """
        epoch, lost, overdue, expiry = self._scripts.run("renew", self._call(sids=list(sids), lease=lease_us))
        self._epoch = epoch.decode()
        return Renewal(
            lost=tuple(sid.decode() for sid in lost),
            overdue=tuple((sid.decode(), entry.decode()) for sid, entry in overdue),
            next_expiry=None if int(expiry) < 0 else int(expiry) / 1_000_000,
        )

    def end(
        self,
        sid: str,
        why: str,
        *,
        blame: bool,
        guilty: Iterable[str] = (),
        last_lines: Callable[[str], Sequence[str]] | None = None,
    ) -> int:
        """End a session whose process is gone for certain; its jobs go to the front.

        Parameters:
          sid: The session.
          why: What ended it, for the jobs' logs.
          blame: Whether the deliveries count against the jobs.
          guilty: Only against these, as the lease names them, if there are any.
          last_lines: The last lines, each as JSON, of a job that is called ``workstream/id``; kept
            with the record of one that is dead by this.

        Returns:
          How many jobs were given back.
        """
        given = 0
        named = list(guilty)
        tails = {} if last_lines is None else self._tails(sid, named, last_lines)
        while True:
            call = self._call(sid=sid, why=why, blame=blame, guilty=named, tails=tails)
            taken, all_taken = self._scripts.run("end_session", call)
            given += int(taken)
            if all_taken:
                return given

    def close(self) -> None:
        """Close the connection; it is opened again when it is needed."""
        self._scripts.close()

    def _tails(
        self, sid: str, guilty: Sequence[str], last_lines: Callable[[str], Sequence[str]]
    ) -> Mapping[str, Sequence[str]]:
        """The last lines of what the session holds, as the leases name it; of the guilty if there are any."""
        held: Any = self._scripts.client.zrange(self._scripts.keys.held(sid), 0, -1)
        names = [entry.decode() for entry in held]
        found = {name: last_lines(name.rpartition("~")[0]) for name in names if name in guilty or not guilty}
        return {name: lines for name, lines in found.items() if lines}
