"""One job ready to be sent: the words that the send script takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from dramatiq import Message

from workstreams.declare.config import Workstream
from workstreams.errors import PayloadError, PayloadTooLarge
from workstreams.send.cost import cost_word
from workstreams.send.job import Job
from workstreams.send.payload import body_of, options_of
from workstreams.send.priority import shift_of
from workstreams.units import LONGEST_KEY, parse_duration

__all__ = ["Order", "due_after", "due_at", "order_for"]

#: What parts an event and the events of a call, which no name may hold; and leases, which no id may hold.
_EVENTS, _LEASES = "\x1f\x1e", "\n"

_MOMENT = re.compile(r"@\d{1,17}$")


class Order(NamedTuple):
    """A job and how it is to wait.

    Attributes:
      job: The job itself.
      key: Its key (tenant), "" for none.
      shift: µs of head start by priority.
      cost: What it weighs against rates: a number, or a JSON object of one for each limit.
      due: "" for now, "+µs" from Redis's now, "@µs" since 1970; then "!" and the same for when it
        expires, if it does.
      body: Its immutable part as JSON.
      options: Its options as JSON.
    """

    job: Job[Any]
    key: str
    shift: int
    cost: int | float | str
    due: str
    body: bytes
    options: bytes

    def words(self) -> tuple[str | bytes | int | float, ...]:
        """The words of one job for ``send.lua``."""
        job = self.job
        return (
            job.queue_name,
            job.message_id,
            self.key,
            self.shift,
            self.cost,
            self.due,
            job.actor_name,
            self.body,
            self.options,
        )

    def followup(self) -> dict[str, Any]:
        """The same for a finish, which takes what follows the job as JSON."""
        return {
            "w": self.job.queue_name,
            "i": self.job.message_id,
            "k": self.key,
            "shift": self.shift,
            "cost": self.cost,
            "due": self.due,
            "actor": self.job.actor_name,
            "body": self.body.decode(),
            "opts": self.options.decode(),
        }


def due_after(delay: str | int | float | timedelta | None) -> str:
    """A due time from a delay.

    Parameters:
      delay: Text with a unit ("5m"), a timedelta, or milliseconds as Dramatiq has them.

    Returns:
      "" for none, else "+µs".

    Raises:
      ValueError: When it is negative, not finite, or text without a unit.
    """
    if delay is None:
        return ""
    if isinstance(delay, str):
        microseconds = parse_duration(delay)
    elif isinstance(delay, timedelta):
        microseconds = round(delay.total_seconds() * 1_000_000)
    else:
        microseconds = round(delay * 1000)
    if microseconds < 0:
        raise ValueError("a delay of 0 or more")
    return f"+{microseconds}" if microseconds else ""


def due_at(moment: datetime) -> str:
    """A due time at an instant, as "@µs"; a time without a zone is refused.

    Raises:
      ValueError: When the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time with a zone, such as datetime.now(timezone.utc)")
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return f"@{delta // timedelta(microseconds=1)}"


def _expiry_of(value: Any) -> str:
    """When a job expires, as the last part of its due time."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return f"!+{value * 1000}"
    if isinstance(value, str) and _MOMENT.match(value):
        return f"!{value}"
    raise PayloadError(
        f'expected an expires option of milliseconds above 0, or "@µs" since 1970, found {value!r}'
    )


def _check_names(job: Job[Any], key: str) -> None:
    for what, name, parting in (
        ("key", key, _EVENTS),
        ("actor", job.actor_name, _EVENTS),
        ("id", job.message_id, _EVENTS + _LEASES),
    ):
        for character in parting:
            if character in name:
                raise PayloadError(
                    f"expected a job's {what} without the character {character!r}, found {name!r}"
                )
    if len(key) > LONGEST_KEY:
        raise PayloadError(
            f"expected a job's key of at most {LONGEST_KEY} characters, found {len(key)}: "
            "let it name the tenant, and the arguments carry the rest"
        )


def order_for(message: Message[Any], workstream: Workstream, due: str) -> Order:
    """Check and encode a message for its workstream.

    Parameters:
      message: What is to be sent.
      workstream: Where to; its ``max_payload`` holds.
      due: What :func:`due_after` or :func:`due_at` returned.

    Raises:
      PayloadError: When the message cannot travel, or an option has no meaning.
      PayloadTooLarge: When it is larger than the workstream takes.
    """
    job, options = Job.of(message), message.options
    try:
        shift = shift_of(options.get("priority") or "normal")
    except (ValueError, TypeError) as error:
        raise PayloadError(
            f"expected a priority that is {error}, found {options.get('priority')!r}"
        ) from None
    body, encoded = body_of(job), options_of(job)
    key = str(options.get("key") or "")
    _check_names(job, key)
    size = len(body) + len(encoded)
    if size > workstream.max_payload:
        raise PayloadTooLarge(workstream.name, size, workstream.max_payload)
    cost = cost_word(options["cost"], workstream) if "cost" in options else 1
    if "expires" in options:
        due += _expiry_of(options["expires"])
    return Order(job, key, shift, cost, due, body, encoded)
