"""Cancels, retries and discards jobs that are named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from workstreams.control.calling import BATCH, call
from workstreams.state import ENDED
from workstreams.state.decoding import text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["Change", "cancel_jobs", "discard_dead", "retry_jobs"]

#: Options in which Dramatiq's retries count; a job that begins again has none of them.
COUNTED = ("retries", "traceback", "requeue_timestamp")

#: How often options are read again that somebody else changes meanwhile.
TRIES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What an operation found of one job.

    Attributes:
      job: The job.
      was: Its state before, or "gone" when no record of it is kept.
      done: Whether something was done to it.
    """

    job: str
    was: str
    done: bool


def cancel_jobs(link: Link, workstream: str, jobs: Sequence[str]) -> list[Change]:
    """End jobs that wait as cancelled, and ask those that run to stop.

    A running job is interrupted by :class:`workstreams.Cancelled` within a second, at its next step of
    Python, or cancelled if it is ``async``; if it then ends without success, or its process is gone
    first, it is cancelled and not retried. After ten seconds its process is ended for it.

    Parameters:
      link: Where they are.
      workstream: Their workstream.
      jobs: Their ids.

    Returns:
      For each job what was found; ``was`` "running" means that it was asked to stop.
    """
    found: list[Change] = []
    for batch in _batched(jobs):
        replies = call(link, "job_cancel", {"workstream": workstream}, batch)
        found += _changes(batch, replies, ("waiting", "scheduled", "running"))
    return found


def retry_jobs(link: Link, workstream: str, jobs: Sequence[str], only: str | None = None) -> list[Change]:
    """Let ended jobs wait again with all their attempts before them, and scheduled ones at once.

    Parameters:
      link: Where they are.
      workstream: Their workstream.
      jobs: Their ids.
      only: Only those in this state, such as "dead".

    Returns:
      For each job what was found.
    """
    found: list[Change] = []
    for batch in _batched(jobs):
        found += _retry_batch(link, workstream, batch, only)
    return found


def discard_dead(link: Link, workstream: str, jobs: Sequence[str]) -> list[Change]:
    """End dead letters as discarded.

    Parameters:
      link: Where they are.
      workstream: Their workstream.
      jobs: Their ids.

    Returns:
      For each job what was found.
    """
    found: list[Change] = []
    for batch in _batched(jobs):
        replies = call(link, "dead_discard", {"workstream": workstream}, batch)
        found += _changes(batch, replies, ("dead",))
    return found


def _batched(jobs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(jobs), BATCH):
        yield jobs[start : start + BATCH]


def _changes(jobs: Sequence[str], replies: Sequence[bytes], touched: Sequence[str]) -> Iterator[Change]:
    for job, reply in zip(jobs, replies, strict=True):
        was = text(reply)
        yield Change(job, was, was in touched)


def _retry_batch(link: Link, workstream: str, jobs: Sequence[str], only: str | None) -> Iterator[Change]:
    fields: dict[str, Any] = {"workstream": workstream} | ({"only": only} if only else {})
    touched = (only,) if only else (*ENDED, "scheduled")
    left = list(jobs)
    for _ in range(TRIES):
        words = _words(link, workstream, left)
        changes = list(_changes(left, call(link, "job_retry", fields, words), touched))
        yield from (change for change in changes if change.was != "changed")
        left = [change.job for change in changes if change.was == "changed"]
        if not left:
            return
    # Somebody retries them, and they end, faster than they can be read.
    yield from (Change(job, "running", False) for job in left)


def _words(link: Link, workstream: str, jobs: Sequence[str]) -> list[str | bytes]:
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for job in jobs:
            pipe.hget(link.keys.workstream(workstream, "job", job), "options")
        replies = pipe.execute()
    words: list[str | bytes] = []
    for job, options in zip(jobs, replies, strict=True):
        words += [job, options or b"", _uncounted(options or b"{}")]
    return words


def _uncounted(options: bytes) -> bytes:
    try:
        found = orjson.loads(options)
    except orjson.JSONDecodeError:
        # Not ours to repair: the run will say what is wrong with it.
        return options
    if not isinstance(found, dict) or not found.keys() & set(COUNTED):
        return options
    return orjson.dumps({name: value for name, value in found.items() if name not in COUNTED})
