"""A job by what was typed: its id, or the end of it that lines of the log show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstreams.cli.failures import misuse

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.store.link import Link

__all__ = ["job_named"]

#: Characters of an id that a line of the log shows; fewer are not taken for one.
SHOWN = 8

#: The newest jobs, among which an end of an id is looked for.
_LOOKED_AT = 2000


def job_named(link: Link, declared: Config, typed: str) -> tuple[str, str]:
    """Find a job.

    Parameters:
      link: Where the jobs are.
      declared: Declares the workstreams.
      typed: An id, or the end of one of at least 8 characters.

    Returns:
      Its workstream and its whole id.

    Raises:
      ConfigError: When several jobs end like that.
      JobNotFound: When there is none.
      RedisUnavailable: When Redis cannot be asked.
    """
    from workstreams.errors import JobNotFound
    from workstreams.state import JobFilter, find_job, list_jobs

    try:
        return find_job(link, declared, typed)[0], typed
    except JobNotFound:
        if len(typed) < SHOWN:
            raise
        newest = list_jobs(link, declared, None, JobFilter(limit=_LOOKED_AT)).jobs
        found = [state for state in newest if state.id.endswith(typed)]
        if not found:
            raise
    if len(found) > 1:
        ids = ", ".join(state.id for state in found[:3])
        raise misuse("ID", "the end of one job's id", typed, f"these end so: {ids}")
    return found[0].workstream, found[0].id
