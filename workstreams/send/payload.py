"""What of a job travels, as JSON: an immutable body, and options that runs may change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from dramatiq import Message

from workstreams.errors import PayloadError
from workstreams.send.job import Job

__all__ = ["body_of", "carried", "job_from", "options_of"]

_BODY = frozenset({"queue_name", "actor_name", "args", "kwargs", "message_id", "message_timestamp"})

_PLAIN = frozenset({str, int, bool, type(None)})


def _check(value: Any) -> None:
    """Refuse what orjson would write without a word as something else.

    It writes NaN as null, and a UUID, a time, an enum or a dataclass as text or a dict, so
    that a worker would be given another type than was sent. Lists stand for tuples, as in
    Dramatiq.
    """
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"the number {value}")
        return
    if kind is dict:
        _check_keys(value)
        value = value.values()
    elif kind is not list and kind is not tuple:
        raise ValueError(f"a value of type {kind.__name__}")
    for inner in value:
        # Most are plain, and a call for each would take longer than writing them.
        if type(inner) not in _PLAIN:
            _check(inner)


def _check_keys(value: Mapping[Any, Any]) -> None:
    for key in value:
        if type(key) is not str:
            raise ValueError(f"the key {key!r}, which is no text")


def _encode(value: Any, what: str, name: str) -> bytes:
    try:
        _check(value)
        return orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise PayloadError(
            f'expected {what} for "{name}" that JSON can carry (text, finite numbers, booleans, null, lists '
            f"and dicts with text keys), found {error}"
        ) from None


def body_of(message: Message[Any]) -> bytes:
    """Encode what never changes about a message.

    Parameters:
      message: Any Dramatiq message.

    Returns:
      JSON.

    Raises:
      PayloadError: When an argument cannot be carried by JSON without loss.
    """
    fields = {
        "queue_name": message.queue_name,
        "actor_name": message.actor_name,
        "args": message.args,
        "kwargs": message.kwargs,
        "message_id": message.message_id,
        "message_timestamp": message.message_timestamp,
    }
    return _encode(fields, "arguments", message.actor_name)


def options_of(message: Message[Any]) -> bytes:
    """Encode a message's options, nested messages included.

    Raises:
      PayloadError: When an option cannot be carried by JSON without loss.
    """
    return _encode(message.options, "options", message.actor_name)


def carried(options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Part options in those that JSON can carry and the names of the others.

    Parameters:
      options: Of a message that ran: a middleware may have put anything there.
    """
    can: dict[str, Any] = {}
    cannot: list[str] = []
    for name, value in options.items():
        try:
            _encode({name: value}, "an option", str(name))
        except PayloadError:
            cannot.append(str(name))
        else:
            can[name] = value
    return can, cannot


def job_from(body: bytes, options: bytes) -> Job[Any]:
    """Read a job back.

    Parameters:
      body: What :func:`body_of` wrote.
      options: What :func:`options_of` wrote.

    Returns:
      The job.

    Raises:
      PayloadError: When it is not such a text; nothing in it is ever executed.
    """
    try:
        fields = orjson.loads(body)
        if fields.keys() != _BODY:
            raise ValueError(f"the fields {', '.join(fields)}")
        fields["args"], fields["options"] = tuple(fields["args"]), dict(orjson.loads(options))
        job: Job[Any] = Job.from_fields(fields)
    except (AttributeError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise PayloadError(f"expected a job record written by workstreams, found another: {error}") from None
    if not (
        isinstance(job.kwargs, dict) and isinstance(job.actor_name, str) and isinstance(job.message_id, str)
    ):
        raise PayloadError("expected a job record written by workstreams, found fields of other types")
    return job
