"""Reads one job's record into its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from workstreams.errors import PayloadError
from workstreams.send.cost import cost_from
from workstreams.send.payload import job_from
from workstreams.state.decoding import moment, text, whole
from workstreams.state.job import JobState
from workstreams.state.workstream import Hold

__all__ = ["FIELDS", "Fields", "error_type", "job_state"]

#: What is read of a record.
FIELDS = (
    *("state", "body", "options", "actor", "key", "cost", "attempt", "deliveries", "crashes", "error"),
    *("session", "sent", "due", "started", "ended", "cancel"),
)

Fields = Mapping[str, bytes | None]


def job_state(
    job_id: str,
    name: str,
    fields: Fields,
    hold: Hold,
    ahead: int | None = None,
    progress: Mapping[str, Any] | None = None,
) -> JobState:
    """A record's fields as a state.

    Parameters:
      job_id: The job.
      name: Its workstream.
      fields: What stands in the record.
      hold: Why it waits.
      ahead: Jobs of its key before it.
      progress: How far it said it is.
    """
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
        cost=cost_from(fields["cost"]),
        attempt=attempts + current,
        deliveries=whole(fields["deliveries"]) or 0,
        crashes=whole(fields["crashes"]) or 0,
        error=_error(fields["error"]),
        worker=text(fields["session"]).partition(" ")[2],
        cancelling=state == "running" and fields["cancel"] == fields["deliveries"],
        progress=progress,
        problem=problem,
        **{time: moment(fields[time]) for time in ("sent", "due", "started", "ended")},
    )


def error_type(value: bytes | None) -> str:
    """The name of an error's type as a record keeps it, "" where there is no error."""
    found = _error(value)
    return "" if found is None else str(found.get("type", ""))


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
