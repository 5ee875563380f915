"""Retries or discards a workstream's dead letters, all or those of an actor or an error, the oldest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workstreams.control.calling import BATCH
from workstreams.control.jobs import Change, discard_dead, retry_jobs
from workstreams.state.decoding import text
from workstreams.state.job_record import error_type
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["discard_all", "retry_all"]

Apply = Callable[[Sequence[str]], list[Change]]

#: An actor and a type of error, each of which may be any.
Wanted = tuple[str | None, str | None]


def retry_all(link: Link, workstream: str, actor: str | None = None, error: str | None = None) -> int:
    """Retry the dead letters that there are now; what dies meanwhile stays.

    Parameters:
      link: Where they are.
      workstream: Whose.
      actor: Only those of this actor.
      error: Only those whose error is of this type, by its exact name: ``ValueError``, ``Poison``.

    Returns:
      How many were retried.
    """
    return _sweep(
        link, workstream, (actor, error), lambda jobs: retry_jobs(link, workstream, jobs, only="dead")
    )


def discard_all(link: Link, workstream: str, actor: str | None = None, error: str | None = None) -> int:
    """Discard the dead letters that there are now.

    Parameters:
      link: Where they are.
      workstream: Whose.
      actor: Only those of this actor.
      error: Only those whose error is of this type, by its exact name: ``ValueError``, ``Poison``.

    Returns:
      How many were discarded.
    """
    return _sweep(link, workstream, (actor, error), lambda jobs: discard_dead(link, workstream, jobs))


def _sweep(link: Link, workstream: str, wanted: Wanted, apply: Apply) -> int:
    index = link.keys.workstream(workstream, "dead")
    with readable(link):
        left: int = link.scripts.client.zcard(index)
    changed = skip = 0
    while left > 0:
        with readable(link):
            page: Any = link.scripts.client.zrange(index, skip, skip + min(BATCH, left) - 1)
        if not page:
            break
        jobs = [text(member) for member in page]
        chosen = _chosen(link, workstream, jobs, wanted)
        done = sum(change.done for change in apply(chosen)) if chosen else 0
        changed += done
        left -= len(jobs)
        # What was changed has left the index; what stays is passed over.
        skip += len(jobs) - done
    return changed


def _chosen(link: Link, workstream: str, jobs: Sequence[str], wanted: Wanted) -> Sequence[str]:
    actor, error = wanted
    if actor is None and error is None:
        return jobs
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for job in jobs:
            pipe.hmget(link.keys.workstream(workstream, "job", job), "actor", "error")
        replies = pipe.execute()
    return [
        job
        for job, (its_actor, its_error) in zip(jobs, replies, strict=True)
        if actor in (None, text(its_actor)) and error in (None, error_type(its_error))
    ]
