"""An actor of a workstream: a Dramatiq actor with more ways to send."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from dramatiq import Actor, Message

from workstreams.errors import PayloadError
from workstreams.send.job import Job
from workstreams.send.order import due_after, due_at
from workstreams.units import parse_duration

__all__ = ["Sends", "WorkstreamActor", "due_of", "own_options"]

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
    cost: float | None = None,
    timeout: str | timedelta | None = None,
    retries: int | None = None,
) -> dict[str, Any]:
    """Our options in the names under which a message carries them; what is None is left out.

    Raises:
      PayloadError: When the timeout is not a duration.
    """
    options: dict[str, Any] = {"key": key, "priority": priority, "cost": cost, "max_retries": retries}
    if timeout is not None:
        try:
            seconds = (
                timeout.total_seconds()
                if isinstance(timeout, timedelta)
                else parse_duration(timeout) / 1_000_000
            )
        except (ValueError, TypeError) as error:
            raise PayloadError(f"expected a timeout that is {error}, found {timeout!r}") from None
        options["time_limit"] = round(seconds * 1000)
    return {name: value for name, value in options.items() if value is not None}


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


class WorkstreamActor(Actor[P, R]):
    """A Dramatiq actor whose queue is a workstream."""

    def message_with_options(
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Any
    ) -> Message[R]:
        """Build a message; its key is taken from the argument that ``key_arg`` names."""
        message = super().message_with_options(args=args, kwargs=kwargs, **options)
        if "key" not in options and (key := self._key_of(args, kwargs or {})) is not None:
            message.options["key"] = key
        if "priority" not in options and self.options.get("job_priority"):
            message.options["priority"] = self.options["job_priority"]
        return Job(self.queue_name, self.actor_name, message.args, message.kwargs, message.options)

    def send_with(
        self,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        delay: str | int | timedelta | None = None,
        at: datetime | None = None,
        key: str | None = None,
        priority: str | None = None,
        cost: float | None = None,
        timeout: str | timedelta | None = None,
        retries: int | None = None,
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
          cost: What it weighs against rates; 1 if left out.
          timeout: How long an attempt may take: "30s" or a timedelta.
          retries: Retries after the first attempt.
          job_id: An id of the sender's choice; a job whose id is known is not sent again.
          **options: Dramatiq's options.

        Returns:
          The job.

        Raises:
          PayloadError, UnknownWorkstream, WorkstreamFull, RedisUnavailable
        """
        ours = own_options(key=key, priority=priority, cost=cost, timeout=timeout, retries=retries)
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

    def _key_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        named = self.options.get("key_arg")
        if not named:
            return None
        try:
            bound = inspect.signature(self.fn).bind_partial(*args, **kwargs)
        except TypeError:
            # A pipeline completes its arguments later; without them there is no key yet.
            return None
        value = bound.arguments.get(named)
        return None if value is None else str(value)
