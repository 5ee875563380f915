"""The front door: puts the rooms together into one broker, Dramatiq's global one if there is none."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, overload

import dramatiq
import dramatiq.broker
from dramatiq import Middleware
from dramatiq.middleware import AgeLimit, AsyncIO, Callbacks, CurrentMessage, Pipelines, ShutdownNotifications

from workstreams.admit.admission import AdmissionMiddleware
from workstreams.admit.limiters import ConcurrencyLimiter, RateLimiter
from workstreams.declare.config import Config
from workstreams.errors import ConfigError, Problem
from workstreams.finish.outcomes import Outcomes
from workstreams.run.running_job import RunningJob
from workstreams.run.time_limit import WorkstreamTimeLimit
from workstreams.send.actor import WorkstreamActor, due_of, own_options
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["actor", "build_broker", "configure", "current_broker", "import_actors", "send"]

P = ParamSpec("P")
R = TypeVar("R")


def build_broker(config: Config | str | Path | None = None) -> WorkstreamBroker:
    """Make a broker with all middleware; it reads nothing and connects to nothing yet.

    Parameters:
      config: A config, or where to find one.
    """
    middleware: list[Middleware] = [
        RunningJob(),
        AgeLimit(),
        WorkstreamTimeLimit(),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        CurrentMessage(),
        AsyncIO(),
        ConcurrencyLimiter(),
        RateLimiter(),
        AdmissionMiddleware(),
        Outcomes(),
    ]
    return WorkstreamBroker(config, middleware)


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
def actor(fn: Callable[P, R]) -> WorkstreamActor[P, R]: ...


@overload
def actor(
    fn: None = None,
    *,
    workstream: str = "default",
    name: str | None = None,
    key_arg: str | None = None,
    priority: str | None = None,
    retries: int | None = None,
    timeout: str | timedelta | None = None,
    on_dead: str | None = None,
    **options: Any,
) -> Callable[[Callable[P, R]], WorkstreamActor[P, R]]: ...


def actor(
    fn: Callable[..., Any] | None = None,
    *,
    workstream: str = "default",
    name: str | None = None,
    key_arg: str | None = None,
    priority: str | None = None,
    retries: int | None = None,
    timeout: str | timedelta | None = None,
    on_dead: str | None = None,
    **options: Any,
) -> Any:
    """Declare an actor of a workstream. Nothing is read or connected to by this.

    Parameters:
      fn: The function.
      workstream: Where its jobs wait.
      name: How it is called; the function's name by default.
      key_arg: The argument that is a job's key (tenant).
      priority: urgent, high, normal or low, unless a send says otherwise.
      retries: Retries after the first attempt; the workstream's by default.
      timeout: How long an attempt may take ("30s"); the workstream's by default.
      on_dead: An actor to which a job is sent that has used up its retries.
      **options: Dramatiq's options.

    Returns:
      A Dramatiq actor with more ways to send.
    """
    ours = own_options(retries=retries, timeout=timeout)
    extra = {"key_arg": key_arg, "job_priority": priority, "on_retry_exhausted": on_dead}
    options |= ours | {option: value for option, value in extra.items() if value is not None}

    def declare(function: Callable[..., Any]) -> Any:
        decorate = dramatiq.actor(
            actor_class=WorkstreamActor[Any, Any],
            actor_name=name,
            queue_name=workstream,
            broker=current_broker(),
            **options,
        )
        return decorate(function)

    return declare if fn is None else declare(fn)


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
      **options: key, priority, cost, timeout, retries, and Dramatiq's options.

    Returns:
      The job.
    """
    broker = current_broker()
    ours = {
        name: options.pop(name)
        for name in ("key", "priority", "cost", "timeout", "retries")
        if name in options
    }
    job: Job[Any] = Job(workstream, actor_name, args, dict(kwargs or {}), {**options, **own_options(**ours)})
    if job_id is not None:
        job = Job.of(job.copy(message_id=job_id))
    return broker.enqueue_many([job], due=due_of(delay, at))[0]


def import_actors(config: Config) -> None:
    """Import the modules that the config lists, with its folders first on the path.

    Raises:
      ConfigError: With every module that could not be imported, and why.
    """
    for folder in reversed(config.path):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    problems: list[Problem] = []
    for module in config.imports:
        try:
            importlib.import_module(module)
        except ImportError as error:
            where = ", ".join(str(folder) for folder in config.path)
            problems.append(
                Problem(
                    "a module that can be imported", f'"{module}": {error}', "import", hint=f"path: {where}"
                )
            )
    if problems:
        raise ConfigError(problems)
