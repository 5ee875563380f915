"""An actor of a workstream: a Dramatiq actor with more ways to send."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from dramatiq import Actor, Message

from workstreams.errors import PayloadError
from workstreams.send.cost import Cost
from workstreams.send.job import Job
from workstreams.send.order import Order, due_after, due_at
from workstreams.units import parse_duration

__all__ = [
    "Sends",
    "WorkstreamActor",
    "adopt_priority",
    "completed",
    "due_of",
    "own_options",
    "shift_by_number",
]

#: µs by which a job counts as having come later for each unit of Dramatiq's priority, of which
#: lower is sooner: 100, the largest in its guide, is as late as our "low".
PRIORITY_UNIT = 6_000_000

#: Options of an actor that its messages carry.
_OF_ACTORS = frozenset({"key_arg", "job_priority", "cost"})

P = ParamSpec("P")
R = TypeVar("R")


class Sends(Protocol):
    """What an actor needs of its broker to send."""

    def enqueue_many(self, messages: Iterable[Message[Any]], *, due: str = "") -> list[Job[Any]]:
        """Send several messages."""
        ...


def own_options(
    *,
    key: str | None = None,
    priority: str | None = None,
    cost: Cost | None = None,
    timeout: str | timedelta | None = None,
    retries: int | None = None,
    expires: str | timedelta | datetime | None = None,
) -> dict[str, Any]:
    """Our options in the names under which a message carries them; what is None is left out.

    Raises:
      PayloadError: When the timeout is not a duration, or the end neither that nor a time.
    """
    if isinstance(cost, Mapping):
        cost = dict(cost)
    options: dict[str, Any] = {"key": key, "priority": priority, "cost": cost, "max_retries": retries}
    if timeout is not None:
        options["time_limit"] = _milliseconds("a timeout", timeout)
    if expires is not None:
        options["expires"] = _end(expires)
    return {name: value for name, value in options.items() if value is not None}


def _milliseconds(what: str, duration: str | timedelta) -> int:
    try:
        seconds = (
            duration.total_seconds()
            if isinstance(duration, timedelta)
            else parse_duration(duration) / 1_000_000
        )
    except (ValueError, TypeError) as error:
        raise PayloadError(f"expected {what} that is {error}, found {duration!r}") from None
    return round(seconds * 1000)


def _end(expires: str | timedelta | datetime) -> int | str:
    if not isinstance(expires, datetime):
        return _milliseconds("a time to expire after", expires)
    try:
        return due_at(expires)
    except ValueError as error:
        raise PayloadError(f"expected expires as {error}, found {expires!r}") from None


def due_of(delay: str | int | timedelta | None, at: datetime | None) -> str:
    """When a job is due, in the send script's words.

    Raises:
      PayloadError: When both are given, or one of them has no meaning.
    """
    if delay is not None and at is not None:
        raise PayloadError("expected a delay or a time, found both: give one of delay= and at=")
    try:
        return due_at(at) if at is not None else due_after(delay)
    except (ValueError, TypeError) as error:
        raise PayloadError(f"expected {error}, found {delay if at is None else at!r}") from None


def adopt_priority(actor: Actor[..., Any]) -> None:
    """Keep a priority in words from Dramatiq's queue, whose numbers a word cannot be compared with."""
    given: object = actor.priority
    if isinstance(given, str):
        actor.options.setdefault("job_priority", given)
        actor.priority = 0


def completed(message: Message[Any], actor: Actor[..., Any]) -> Message[Any]:
    """A message with what its actor says of all its messages: key, priority and cost.

    Parameters:
      message: What is to be sent; its own options stand over the actor's.
      actor: Any actor, one that Dramatiq's decorator made as well.
    """
    if _OF_ACTORS.isdisjoint(actor.options):
        return message
    options: dict[str, Any] = {}
    if actor.options.get("key_arg") and "key" not in message.options:
        options["key"] = _key_of(actor, message)
    options["priority"] = actor.options.get("job_priority")
    options["cost"] = actor.options.get("cost")
    missing = {
        name: value for name, value in options.items() if value is not None and name not in message.options
    }
    return message.copy(options=missing) if missing else message


def shift_by_number(order: Order, actor: Actor[..., Any]) -> Order:
    """An order in the place that its actor's priority as a number gives it, if words gave it none."""
    if not actor.priority or "priority" in order.job.options:
        return order
    return order._replace(shift=actor.priority * PRIORITY_UNIT)


def _key_of(actor: Actor[..., Any], message: Message[Any]) -> str | None:
    # What a class-based actor is called with are the arguments of its perform.
    called = getattr(actor.fn, "perform", actor.fn)
    try:
        bound = inspect.signature(called).bind_partial(*message.args, **message.kwargs)
    except TypeError:
        # A pipeline completes its arguments later; without them there is no key yet.
        return None
    value = bound.arguments.get(actor.options["key_arg"])
    return None if value is None else str(value)


class WorkstreamActor(Actor[P, R]):
    """A Dramatiq actor whose queue is a workstream."""

    def message_with_options(
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Any
    ) -> Message[R]:
        """Build a message; its key is taken from the argument that ``key_arg`` names."""
        if options:
            # Dramatiq checks what it knows of them.
            options = super().message_with_options(**options).options
        return completed(Job.made(self.queue_name, self.actor_name, args, kwargs or {}, options), self)

    def send_with(
        self,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        delay: str | int | timedelta | None = None,
        at: datetime | None = None,
        key: str | None = None,
        priority: str | None = None,
        cost: Cost | None = None,
        timeout: str | timedelta | None = None,
        retries: int | None = None,
        expires: str | timedelta | datetime | None = None,
        job_id: str | None = None,
        **options: Any,
    ) -> Job[R]:
        """Send a job with options.

        Parameters:
          args: Positional arguments of the actor.
          kwargs: Its keyword arguments.
          delay: Wait so long: "5m", a timedelta, or milliseconds.
          at: Wait until then; a time with a zone.
          key: The job's key (tenant) instead of the one from ``key_arg``.
          priority: urgent, high, normal or low.
          cost: What it weighs against rates: a number, or one for each limit as in
            ``{"tokens": 1200}``; 1 where left out.
          timeout: How long an attempt may take: "30s" or a timedelta.
          retries: Retries after the first attempt.
          expires: It starts no more so long after it was sent ("10m", a timedelta), or from that
            time on; then it ends as discarded.
          job_id: An id of the sender's choice; a job whose id is known is not sent again.
          **options: Dramatiq's options.

        Returns:
          The job.

        Raises:
          PayloadError, UnknownWorkstream, WorkstreamFull, CostTooHigh
          RedisUnavailable: When it may have been sent, it is ``in_doubt``.
        """
        ours = own_options(
            key=key, priority=priority, cost=cost, timeout=timeout, retries=retries, expires=expires
        )
        message = self.message_with_options(
            args=tuple(args), kwargs=dict(kwargs or {}), **{**options, **ours}
        )
        if job_id is not None:
            message = message.copy(message_id=job_id)
        return self._sends().enqueue_many([message], due=due_of(delay, at))[0]

    def send_many(self, calls: Iterable[Sequence[Any] | Mapping[str, Any]], **options: Any) -> list[Job[R]]:
        """Send many jobs in few calls.

        Parameters:
          calls: One entry a job: positional arguments, or a mapping of keyword arguments.
          **options: Dramatiq's options, for all of them.

        Returns:
          The jobs, in order.

        Raises:
          PayloadError: When a call cannot travel; nothing was sent.
          UnknownWorkstream, WorkstreamFull, CostTooHigh, RedisUnavailable: Each says how many were
            ``sent`` for certain, which are ``in_doubt``, and has all ``jobs``; to send
            ``error.jobs[error.sent:]`` again with the broker's ``enqueue_many`` sends none twice.
        """
        messages: list[Message[R]] = []
        for call in calls:
            if isinstance(call, Mapping):
                messages.append(self.message_with_options(kwargs=dict(call), **options))
            else:
                messages.append(self.message_with_options(args=tuple(call), **options))
        return self._sends().enqueue_many(messages)

    def _sends(self) -> Sends:
        return cast(Sends, self.broker)
