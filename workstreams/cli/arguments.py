"""What is typed behind ``send``, read into arguments and options of a job."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from workstreams.cli.failures import misuse
from workstreams.errors import ConfigError, PayloadError, nearest
from workstreams.units import parse_duration

if TYPE_CHECKING:
    from workstreams.declare.config import Workstream
    from workstreams.send.cost import Cost

__all__ = [
    "argument",
    "cost_of",
    "due_word",
    "id_of",
    "keyword_arguments",
    "one_of",
    "parse_json",
    "priority_of",
    "refuse_beside_jsonl",
]

_ZONED = "a time in ISO 8601 with its zone, such as 2030-01-31T12:00:00Z"


def parse_json(text: str) -> Any:
    """Read JSON, strictly: no NaN, and integers of any size, so that none is rounded in silence.

    Raises:
      ValueError: When it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def argument(text: str) -> Any:
    """A positional argument: JSON where it parses as JSON, else text."""
    try:
        return parse_json(text)
    except ValueError:
        return text


def keyword_arguments(text: str | None) -> dict[str, Any]:
    """What ``--kwargs`` says.

    Raises:
      ConfigError: When it is not a JSON object.
    """
    if text is None:
        return {}
    try:
        found = parse_json(text)
    except ValueError as error:
        raise misuse("--kwargs", 'a JSON object, such as {"to": "ann"}', text, str(error)) from None
    if not isinstance(found, dict):
        raise misuse("--kwargs", 'a JSON object, such as {"to": "ann"}', text)
    return found


def due_word(delay: str | None, at: str | None) -> str:
    """When the job is due, in the words of the send script.

    Raises:
      ConfigError: When both are given, or one of them says no time.
    """
    if delay is not None and at is not None:
        raise misuse("--delay", "one of --delay and --at", f"{delay} and {at}", typed=False)
    if delay is not None:
        return _due_after(delay)
    return "" if at is None else _due_at(at)


def _due_after(delay: str) -> str:
    try:
        microseconds = parse_duration(delay)
    except ValueError as error:
        raise misuse("--delay", str(error), delay) from None
    return f"+{microseconds}" if microseconds else ""


def _due_at(text: str) -> str:
    from workstreams.send.order import due_at

    try:
        return due_at(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise misuse("--at", _ZONED, text) from None


def priority_of(name: str | None) -> str | None:
    """The priority, if it is one.

    Raises:
      ConfigError: When there is no such priority.
    """
    from workstreams.send.priority import PRIORITIES

    one_of("--priority", name, PRIORITIES)
    return name


def cost_of(text: str | None, workstream: Workstream) -> Cost | None:
    """What ``--cost`` says: a number, or a JSON object of one for each limit.

    Parameters:
      text: What was typed.
      workstream: Where the job is to wait: whose limits may be named.

    Raises:
      ConfigError: When it says no cost there.
    """
    if text is None:
        return None
    from workstreams.send.cost import cost_word

    try:
        found: Cost = parse_json(text)
    except ValueError:
        raise misuse("--cost", 'a number, or a JSON object such as {"tokens": 1200}', text) from None
    try:
        cost_word(found, workstream)
    except PayloadError as error:
        raise ConfigError.said_by(f"--cost: {error}") from None
    return found


def one_of(given_as: str, value: str | None, choices: Collection[str]) -> None:
    """Check that a word is one of those that there are.

    Parameters:
      given_as: The flag.
      value: What was typed; None is always right.
      choices: The words.

    Raises:
      ConfigError: When it is none of them.
    """
    if value is not None and value not in choices:
        close = nearest(value, choices)
        hint = f'did you mean "{close}"?' if close else ""
        raise misuse(given_as, f"one of {', '.join(choices)}", value, hint)


def id_of(job_id: str | None, given_as: str = "--job-id") -> str | None:
    """A job id, if it can be one.

    Parameters:
      job_id: What was typed.
      given_as: The flag.

    Raises:
      ConfigError: When it is empty, very long, or holds what cannot be typed again.
    """
    if job_id is None or (0 < len(job_id) <= 200 and job_id.isprintable()):
        return job_id
    raise misuse(given_as, "1 to 200 printable characters", job_id)


def refuse_beside_jsonl(given: Sequence[tuple[str, object]]) -> None:
    """Refuse what each line of the file says for itself.

    Raises:
      ConfigError: When one of them is given.
    """
    for flag, value in given:
        if value:
            # A flag without a value of its own was not typed as "True".
            found = "it" if value is True else value
            expected = "nothing beside --jsonl, whose lines carry the arguments"
            raise misuse(flag, expected, found, typed=found is value)
