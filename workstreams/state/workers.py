"""Who works: the live sessions, and what each runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from workstreams.state.decoding import moment, stamp_or_none, text, whole
from workstreams.store.keys import GUEST
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["HeldJob", "WorkerState", "read_workers"]

_FIELDS = ("worker", "host", "pid", "pool", "workstreams", "started")
#: A worker's running jobs are as many as its threads; more would be somebody else's key.
_MOST_JOBS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that a worker runs.

    Attributes:
      workstream: Its workstream.
      job: Its id.
    """

    workstream: str
    job: str


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker process with a live lease.

    Attributes:
      session: The session that its jobs are leased to.
      worker: Its name, ``host:pid``.
      host: Its machine.
      pid: Its process id there.
      pool: The pool it works for.
      workstreams: What it works on.
      since: µs since 1970 at which it began; None if unknown.
      lease: µs until its lease runs out unless it is renewed.
      jobs: What it runs.
    """

    session: str
    worker: str
    host: str
    pid: int | None
    pool: str
    workstreams: tuple[str, ...]
    since: int | None
    lease: int
    jobs: tuple[HeldJob, ...]

    def record(self) -> dict[str, Any]:
        """As JSON shows it: stable keys, times in ms or ISO 8601."""
        return {
            "worker": self.worker,
            "host": self.host,
            "pid": self.pid,
            "pool": self.pool,
            "workstreams": list(self.workstreams),
            "since": stamp_or_none(self.since),
            "lease_ms": self.lease / 1000,
            "running": len(self.jobs),
            "jobs": [dataclasses.asdict(job) for job in self.jobs],
            "session": self.session,
        }


def read_workers(link: Link) -> list[WorkerState]:
    """The worker processes whose lease has not run out, by pool and name.

    Parameters:
      link: Where they are.

    Raises:
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    with readable(link):
        client, keys = link.scripts.client, link.keys
        seconds, rest = client.time()
        now = int(seconds) * 1_000_000 + int(rest)
        leased: Any = client.zrangebyscore(keys.sessions, f"({now}", "+inf", withscores=True)
        live = [(sid, expiry) for sid, expiry in leased if not sid.startswith(GUEST)]
        pipe = client.pipeline(transaction=False)
        for sid, _ in live:
            pipe.hmget(keys.session(text(sid)), _FIELDS)
            pipe.zrange(keys.held(text(sid)), 0, _MOST_JOBS - 1)
        replies = pipe.execute()
    found = [
        _worker(text(sid), int(expiry) - now, replies[2 * n], replies[2 * n + 1])
        for n, (sid, expiry) in enumerate(live)
    ]
    return sorted(found, key=lambda one: (one.pool, one.worker, one.session))


def _worker(sid: str, lease: int, fields: Sequence[bytes | None], held: Sequence[bytes]) -> WorkerState:
    worker, host, pid, pool, names, started = fields
    return WorkerState(
        session=sid,
        worker=text(worker),
        host=text(host),
        pid=whole(pid),
        pool=text(pool),
        workstreams=tuple(name for name in text(names).split(",") if name),
        since=moment(started),
        lease=lease,
        jobs=tuple(_job(text(entry)) for entry in held),
    )


def _job(entry: str) -> HeldJob:
    workstream, _, member = entry.partition("/")
    return HeldJob(workstream, member.rpartition("~")[0])
