"""Waits until a workstream is empty, and empties it: for tests, as Dramatiq's brokers do."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import orjson
from dramatiq.errors import QueueJoinTimeout
from dramatiq.results import ResultFailure

from workstreams.store.client import redis_errors
from workstreams.store.link import Link

__all__ = ["failure_in", "failure_of", "flush", "unfinished", "wait_until_empty"]

#: Jobs that one call discards: a longer script would hold Redis up.
AT_ONCE = 250

#: Seconds between two looks at a workstream that is to be empty.
PAUSE = 0.02


def unfinished(link: Link, workstream: str) -> int:
    """How many of its jobs wait, are scheduled or run."""
    with redis_errors(link.url):
        pipe = link.scripts.client.pipeline(transaction=True)
        pipe.get(link.keys.workstream(workstream, "waiting"))
        pipe.zcard(link.keys.workstream(workstream, "scheduled"))
        pipe.zcard(link.keys.workstream(workstream, "running"))
        pipe.zcard(link.keys.workstream(workstream, "guests"))
        waiting, scheduled, running, guests = pipe.execute()
    # A slot that is held outside of a job is none of them.
    return int(waiting or 0) + int(scheduled) + int(running) - int(guests)


def wait_until_empty(link: Link, workstream: str, timeout: int | None) -> None:
    """Wait until nothing of a workstream waits, is scheduled or runs.

    Parameters:
      link: Where it is.
      workstream: Its name.
      timeout: Milliseconds; None is for ever.

    Raises:
      QueueJoinTimeout: When the time is over first.
    """
    deadline = None if timeout is None else time.monotonic() + timeout / 1000
    while unfinished(link, workstream):
        if deadline is not None and time.monotonic() >= deadline:
            raise QueueJoinTimeout(workstream)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        time.sleep(PAUSE)  # for tests, says Dramatiq: an event for each would cost every finish


def flush(link: Link, workstream: str) -> int:
    """Discard what waits, is scheduled or is dead in a workstream; what runs is left alone.

    Returns:
      How many jobs that were.
    """
    return sum(_discard(link, workstream, state) for state in ("waiting", "scheduled", "dead"))


def _discard(link: Link, workstream: str, state: str) -> int:
    gone, left = 0, 1
    while left:
        call = {"request": uuid4().hex, "workstream": workstream, "state": state, "most": AT_ONCE}
        with redis_errors(link.url):
            discarded, there = link.scripts.run("purge", {**call, "epoch": "", "fresh": uuid4().hex})[:2]
        gone += int(discarded)
        # Less than was asked for means that the rest came meanwhile, or belongs to nobody.
        left = int(there) if int(discarded) == AT_ONCE else 0
    return gone


def failure_in(link: Link, workstream: str) -> ResultFailure | None:
    """The error of the newest dead letter of a workstream; None if there is no dead letter."""
    with redis_errors(link.url):
        client: Any = link.scripts.client
        dead = client.zrange(link.keys.workstream(workstream, "dead"), -1, -1)
        if not dead:
            return None
        return failure_of(client.hget(link.keys.workstream(workstream, "job", dead[0].decode()), "error"))


def failure_of(text: bytes | None) -> ResultFailure:
    """The error that a job's record keeps, as Dramatiq raises errors of other processes."""
    error = orjson.loads(text) if text else {}
    kind, message = str(error.get("type", "Exception")), str(error.get("message", "unknown"))
    return ResultFailure(f"actor raised {kind}: {message}", kind, message)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
