"""Finds one job among the declared workstreams and reads its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from redis.exceptions import ResponseError

from workstreams.declare.config import Config
from workstreams.errors import JobNotFound, PayloadError
from workstreams.send.payload import job_from
from workstreams.state.decoding import moment, number, readable, text, whole
from workstreams.state.job import JobState
from workstreams.state.status import ask
from workstreams.state.workstream import Hold
from workstreams.store.link import Link

__all__ = ["read_job"]

_FIELDS = (
    *("state", "body", "options", "actor", "key", "cost", "attempt", "deliveries", "crashes", "error"),
    *("worker", "sent", "due", "started", "ended"),
)

Fields = Mapping[str, bytes | None]


def read_job(link: Link, config: Config, job_id: str) -> JobState:
    """One job's record, and why it waits.

    Parameters:
      link: Where it is.
      config: Declares the workstreams that are searched.
      job_id: Its id.

    Raises:
      JobNotFound: When no declared workstream keeps such a job.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    name, fields = _find(link, config, job_id)
    state, cost = text(fields["state"]), number(fields["cost"]) or 1.0
    due = moment(fields["due"])
    hold, ahead = Hold(""), None
    if state in ("waiting", "scheduled"):
        found = ask(link, config, [(name, cost)])[0]
        late = due is not None and due <= found.at
        hold = found.hold if state == "waiting" or late else Hold("")
    if state == "waiting":
        ahead = _ahead(link, name, text(fields["key"]), job_id)
    return _state(job_id, name, fields, hold, ahead)


def _find(link: Link, config: Config, job_id: str) -> tuple[str, Fields]:
    if not _can_be_a_key(job_id):
        raise JobNotFound(job_id)
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for name in config.workstreams:
            pipe.hmget(link.keys.workstream(name, "job", job_id), _FIELDS)
        replies: list[Any] = pipe.execute(raise_on_error=False)
        for name, reply in zip(config.workstreams, replies, strict=True):
            if isinstance(reply, ResponseError):
                raise reply
            if reply[0] is not None:
                return name, dict(zip(_FIELDS, reply, strict=True))
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


def _state(job_id: str, name: str, fields: Fields, hold: Hold, ahead: int | None) -> JobState:
    args, kwargs, options, problem = _payload(fields)
    attempts, state = whole(fields["attempt"]) or 0, text(fields["state"])
    # The counter rises when an attempt ends in a retry, so a later or last one is not in it.
    current = fields["started"] is not None and state not in ("waiting", "scheduled")
    return JobState(
        id=job_id,
        workstream=name,
        actor=text(fields["actor"]),
        state=state,
        hold=hold,
        ahead=ahead,
        args=args,
        kwargs=kwargs,
        options=options,
        key=text(fields["key"]),
        cost=number(fields["cost"]) or 1.0,
        attempt=attempts + current,
        deliveries=whole(fields["deliveries"]) or 0,
        crashes=whole(fields["crashes"]) or 0,
        error=_error(fields["error"]),
        worker=text(fields["worker"]),
        problem=problem,
        **{time: moment(fields[time]) for time in ("sent", "due", "started", "ended")},
    )


def _payload(fields: Fields) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any], str]:
    try:
        job = job_from(fields["body"] or b"", fields["options"] or b"{}")
    except PayloadError as error:
        return (), {}, {}, str(error)
    return tuple(job.args), dict(job.kwargs), dict(job.options), ""


def _error(value: bytes | None) -> Mapping[str, Any] | None:
    if not value:
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        found = text(value)
    return found if isinstance(found, dict) else {"type": "", "message": str(found)}
