"""What of a job travels, as JSON: an immutable body, and options that runs may change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from dramatiq import Message

from workstreams.errors import PayloadError
from workstreams.send.job import Job

__all__ = ["body_of", "job_from", "options_of"]

#: What orjson would turn into text without a word, so that a worker gets another type
#: than was sent, is refused.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS

_BODY = ("queue_name", "actor_name", "args", "kwargs", "message_id", "message_timestamp")


def _is_lossless(value: Any) -> bool:
    """Whether no number in it is one that JSON lacks: orjson writes NaN as null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(_is_lossless(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return all(_is_lossless(inner) for inner in value)
    return True


def _encode(value: Any, what: str, name: str) -> bytes:
    try:
        text = orjson.dumps(value, option=_STRICT)
    except (TypeError, orjson.JSONEncodeError, RecursionError) as error:
        raise PayloadError(
            f'expected {what} for "{name}" that JSON can carry (text, numbers, true, false, null, lists and '
            f"dicts with text keys), found: {error}"
        ) from None
    # Walking every payload would cost each send; only one that holds a null can be a loss.
    if b"null" in text and not _is_lossless(value):
        raise PayloadError(
            f'expected {what} for "{name}" that JSON can carry, found a number that is not finite'
        )
    return text


def body_of(message: Message[Any]) -> bytes:
    """Encode what never changes about a message.

    Parameters:
      message: Any Dramatiq message.

    Returns:
      JSON.

    Raises:
      PayloadError: When an argument cannot be carried by JSON without loss.
    """
    fields = {field: getattr(message, field) for field in _BODY}
    return _encode(fields, "arguments", message.actor_name)


def options_of(message: Message[Any]) -> bytes:
    """Encode a message's options, nested messages included.

    Raises:
      PayloadError: When an option cannot be carried by JSON without loss.
    """
    return _encode(message.options, "options", message.actor_name)


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
        decoded = orjson.loads(options)
        job: Job[Any] = Job(**{**fields, "args": tuple(fields["args"]), "options": dict(decoded)})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise PayloadError(f"expected a job record written by workstreams, found another: {error}") from None
    if not (
        isinstance(job.kwargs, dict) and isinstance(job.actor_name, str) and isinstance(job.message_id, str)
    ):
        raise PayloadError("expected a job record written by workstreams, found fields of other types")
    return job
