"""The front door: what a program calls, on one broker, Dramatiq's global one if there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, overload

import dramatiq
import dramatiq.broker
from dramatiq import Message

from workstreams.assembly import build_broker
from workstreams.control.operations import Operations
from workstreams.declare.config import Config
from workstreams.errors import ConfigError, Problem
from workstreams.guest import Desks, LimitBlock
from workstreams.send.actor import WorkstreamActor, due_of, own_options
from workstreams.send.cost import Cost
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

__all__ = [
    "actor",
    "build_broker",
    "configure",
    "current_broker",
    "group",
    "job",
    "limit",
    "pipeline",
    "send",
]

P = ParamSpec("P")
R = TypeVar("R")


class Declares(Protocol):
    """A decorator that makes an actor of a function, ``async`` or not."""

    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]]) -> WorkstreamActor[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R]) -> WorkstreamActor[P, R]: ...


def current_broker() -> WorkstreamBroker:
    """Dramatiq's global broker if it is ours; one of ours is made and set if there is none.

    Raises:
      ConfigError: When the global broker is another one.
    """
    broker = dramatiq.broker.global_broker
    if broker is None:
        broker = build_broker()
        dramatiq.set_broker(broker)
    if not isinstance(broker, WorkstreamBroker):
        found = f"a {type(broker).__name__} set before"
        raise ConfigError(
            [
                Problem(
                    "a WorkstreamBroker as Dramatiq's global broker", found, hint="import workstreams first"
                )
            ]
        )
    return broker


def configure(config: Config | str | Path) -> WorkstreamBroker:
    """Say which config to use, instead of what the first use would find.

    Parameters:
      config: A config, or the file or folder to read it from.

    Returns:
      The broker.
    """
    broker = current_broker()
    broker.configure(config)
    return broker


@overload
def actor(fn: Callable[P, Awaitable[R]]) -> WorkstreamActor[P, R]: ...


@overload
def actor(fn: Callable[P, R]) -> WorkstreamActor[P, R]: ...


@overload
def actor(
    fn: None = None,
    *,
    workstream: str = "default",
    name: str | None = None,
    key_arg: str | None = None,
    priority: str | int | None = None,
    retries: int | None = None,
    timeout: str | timedelta | None = None,
    on_dead: str | None = None,
    **options: Any,
) -> Declares: ...


def actor(
    fn: Callable[..., Any] | None = None,
    *,
    workstream: str = "default",
    name: str | None = None,
    key_arg: str | None = None,
    priority: str | int | None = None,
    retries: int | None = None,
    timeout: str | timedelta | None = None,
    on_dead: str | None = None,
    **options: Any,
) -> Any:
    """Declare an actor of a workstream. Nothing is read or connected to by this.

    Parameters:
      fn: The function, which may be ``async``.
      workstream: Where its jobs wait; ``queue_name`` is the same.
      name: How it is called; the function's name by default. ``actor_name`` is the same.
      key_arg: The argument that is a job's key (tenant).
      priority: urgent, high, normal or low, unless a send says otherwise; or a number as Dramatiq
        has it, of which lower is sooner.
      retries: Retries after the first attempt; the workstream's by default.
      timeout: How long an attempt may take ("30s"); the workstream's by default.
      on_dead: An actor that is told of each job that died, however it came about: it is called with the
        job's message and ``{type, message, retries, max_retries}``.
      **options: Dramatiq's options.

    Returns:
      A Dramatiq actor with more ways to send.
    """
    ours = own_options(retries=retries, timeout=timeout)
    extra = {"key_arg": key_arg, "priority": priority, "on_dead": on_dead}
    options |= ours | {option: value for option, value in extra.items() if value is not None}
    place = {"queue_name": workstream, "actor_name": name, "broker": current_broker()}

    def declare(function: Callable[..., Any]) -> Any:
        return dramatiq.actor(actor_class=WorkstreamActor[Any, Any], **(place | options))(function)

    return declare if fn is None else declare(fn)


def pipeline(children: Iterable[Message[Any] | dramatiq.pipeline]) -> dramatiq.pipeline:
    """Dramatiq's pipeline on our broker, whichever is Dramatiq's global one."""
    return dramatiq.pipeline(children, broker=current_broker())


def group(children: Iterable[Message[Any] | dramatiq.group | dramatiq.pipeline]) -> dramatiq.group:
    """Dramatiq's group on our broker, whichever is Dramatiq's global one."""
    return dramatiq.group(children, broker=current_broker())  # type: ignore[no-untyped-call]  # Dramatiq's is untyped


def send(
    workstream: str,
    actor_name: str,
    *args: Any,
    kwargs: Mapping[str, Any] | None = None,
    delay: str | int | timedelta | None = None,
    at: datetime | None = None,
    job_id: str | None = None,
    **options: Any,
) -> Job[Any]:
    """Send a job by name, without importing the actor.

    Parameters:
      workstream: Where it waits.
      actor_name: What will run; whether it exists is known where it runs.
      *args: Its positional arguments.
      kwargs: Its keyword arguments.
      delay: Wait so long: "5m", a timedelta, or milliseconds.
      at: Wait until then; a time with a zone.
      job_id: An id of the sender's choice.
      **options: key, priority, cost, timeout, retries, expires, and Dramatiq's options.

    Returns:
      The job.
    """
    broker = current_broker()
    ours = {
        name: options.pop(name)
        for name in ("key", "priority", "cost", "timeout", "retries", "expires")
        if name in options
    }
    job: Job[Any] = Job(workstream, actor_name, args, dict(kwargs or {}), {**options, **own_options(**ours)})
    if job_id is not None:
        job = Job.of(job.copy(message_id=job_id))
    return broker.enqueue_many([job], due=due_of(delay, at))[0]


def job(job_id: str) -> Job[Any]:
    """The job of an id, to ask for its state, to wait for it, to cancel or retry it.

    Parameters:
      job_id: Its id, as ``job.id`` or ``workstreams send`` told it.

    Returns:
      The job as it was sent.

    Raises:
      JobNotFound: When none of the declared workstreams keeps it.
      RedisUnavailable: When Redis cannot be asked.
    """
    return Operations(current_broker()).find(job_id)


def limit(name: str, *, cost: Cost = 1, timeout: str | timedelta | Literal[0] | None = None) -> LimitBlock:
    """Stay within a limit outside of a job, such as in a web request that calls the same upstream itself.

    ``with workstreams.limit("twilio-account"): ...``, or ``async with``. Entering waits until the limit has
    room, and is counted like the start of a job: charged to every rate, with a slot of every concurrency,
    all of it or nothing. Leaving gives the slots back, and no permits. Beside a backlog of jobs it gets its
    turn. If the process dies, its slots are free when their lease (``worker.lease``) has run out.

    Parameters:
      name: A limit under ``limits:``, or a workstream: then its own limits and those it is within.
      cost: What it weighs against rates: a number above 0, or one for each limit as in
        ``{"tokens": 1200}``, in which a limit that is not named counts 1.
      timeout: How long to wait at most: "10s" or a timedelta; 0 is to try once, None to wait for ever.

    Returns:
      A block to be entered once. It says whether it was ``lost``: whether this process was frozen for
      longer than the lease, so that others may have had its slot.

    Raises:
      PayloadError: When the timeout is no duration; on entering, when the cost has no meaning there.
      UnknownLimit: On entering, when the config declares nothing of this name.
      LimitTimeout: On entering, when there was no room in time; it says why, and ``retry_after``.
      CostTooHigh: On entering, when it costs more than a rate ever allows.
      RedisUnavailable: On entering, when Redis did not answer within seconds. What was taken by a call
        whose answer was lost is free when its lease has run out.
    """
    return LimitBlock(Desks.of(current_broker()), name, cost, timeout)
