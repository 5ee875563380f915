"""Retries or discards all dead letters of a workstream, or those of one actor, from the oldest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workstreams.control.calling import BATCH
from workstreams.control.jobs import Change, discard_dead, retry_jobs
from workstreams.state.decoding import readable, text
from workstreams.store.link import Link

__all__ = ["discard_all", "retry_all"]

Apply = Callable[[Sequence[str]], list[Change]]


def retry_all(link: Link, workstream: str, actor: str | None = None) -> int:
    """Retry the dead letters that there are now; what dies meanwhile stays.

    Parameters:
      link: Where they are.
      workstream: Whose.
      actor: Only those of this actor.

    Returns:
      How many were retried.
    """
    return _sweep(link, workstream, actor, lambda jobs: retry_jobs(link, workstream, jobs, only="dead"))


def discard_all(link: Link, workstream: str, actor: str | None = None) -> int:
    """Discard the dead letters that there are now.

    Parameters:
      link: Where they are.
      workstream: Whose.
      actor: Only those of this actor.

    Returns:
      How many were discarded.
    """
    return _sweep(link, workstream, actor, lambda jobs: discard_dead(link, workstream, jobs))


def _sweep(link: Link, workstream: str, actor: str | None, apply: Apply) -> int:
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
        wanted = jobs if actor is None else _of_actor(link, workstream, jobs, actor)
        done = sum(change.done for change in apply(wanted)) if wanted else 0
        changed += done
        left -= len(jobs)
        # What was changed has left the index; what stays is passed over.
        skip += len(jobs) - done
    return changed


def _of_actor(link: Link, workstream: str, jobs: Sequence[str], actor: str) -> list[str]:
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for job in jobs:
            pipe.hget(link.keys.workstream(workstream, "job", job), "actor")
        replies = pipe.execute()
    return [job for job, reply in zip(jobs, replies, strict=True) if text(reply) == actor]
