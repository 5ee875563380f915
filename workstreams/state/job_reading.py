"""Finds one job among the declared workstreams and reads its record."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from workstreams.declare.config import Config
from workstreams.errors import JobNotFound
from workstreams.send.cost import cost_from
from workstreams.state.decoding import moment, text
from workstreams.state.job import JobState
from workstreams.state.job_record import FIELDS, Fields, job_state
from workstreams.state.progress import last_progress
from workstreams.state.status import ask
from workstreams.state.workstream import Hold
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["find_job", "read_job"]


def read_job(link: Link, config: Config, job_id: str, workstream: str | None = None) -> JobState:
    """One job's record, and why it waits.

    Parameters:
      link: Where it is.
      config: Declares the workstreams that are searched.
      job_id: Its id.
      workstream: Its workstream, if that is known.

    Raises:
      JobNotFound: When no declared workstream keeps such a job.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    name, fields = find_job(link, config, job_id, workstream)
    state, cost = text(fields["state"]), cost_from(fields["cost"])
    due = moment(fields["due"])
    hold, ahead = Hold(""), None
    if state in ("waiting", "scheduled"):
        found = ask(link, config, [(name, cost, text(fields["key"]))])[0]
        late = due is not None and due <= found.at
        hold = found.hold if state == "waiting" or late else Hold("")
    if state == "waiting":
        ahead = _ahead(link, name, text(fields["key"]), job_id)
    progress = None if fields["started"] is None else last_progress(link, name, job_id)
    return job_state(job_id, name, fields, hold, ahead, progress)


def find_job(link: Link, config: Config, job_id: str, workstream: str | None = None) -> tuple[str, Fields]:
    """The workstream of a job, and its record, in one round trip.

    Raises:
      JobNotFound: When no declared workstream keeps such a job.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    if not _can_be_a_key(job_id):
        raise JobNotFound(job_id)
    names = config.workstreams if workstream is None else (workstream,)
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for name in names:
            pipe.hmget(link.keys.workstream(name, "job", job_id), FIELDS)
        replies: list[Any] = pipe.execute(raise_on_error=False)
        for name, reply in zip(names, replies, strict=True):
            if isinstance(reply, ResponseError):
                raise reply
            if reply[0] is not None:
                return name, dict(zip(FIELDS, reply, strict=True))
    raise JobNotFound(job_id)


def _can_be_a_key(job_id: str) -> bool:
    """Whether the text can be sent: an argument of a command may hold bytes that are no UTF-8."""
    try:
        return bool(job_id.encode())
    except UnicodeEncodeError:
        return False


def _ahead(link: Link, name: str, key: str, job_id: str) -> int | None:
    with readable(link):
        found: Any = link.scripts.client.zrank(link.keys.workstream(name, "ready", key), job_id)
    return None if found is None else int(found)
