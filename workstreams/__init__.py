"""Named workstreams whose limits hold over the whole fleet, for Dramatiq and Redis."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dramatiq import Retry

    from workstreams.admit.cancelling import Cancelled
    from workstreams.app import (
        actor,
        configure,
        current_broker,
        group,
        job,
        limit,
        pipeline,
        send,
    )
    from workstreams.assembly import build_broker
    from workstreams.errors import (
        ConfigError,
        CostTooHigh,
        JobNotFound,
        JobTimeout,
        LimitTimeout,
        NoResult,
        NothingRunsHere,
        PayloadError,
        PayloadTooLarge,
        RedisUnavailable,
        RedisUnsuitable,
        UnknownActor,
        UnknownLimit,
        UnknownWorkstream,
        WorkstreamFull,
        WorkstreamsError,
        WrongJobState,
    )
    from workstreams.finish.barriers import LimiterBackend
    from workstreams.finish.results import StoredResults
    from workstreams.finish.signals import Discard, RateLimited
    from workstreams.log.setup import get_logger
    from workstreams.run.context import CurrentJob, current_job
    from workstreams.run.retry_after import retry_after
    from workstreams.send.job import Job
    from workstreams.wait.broker import WorkstreamBroker

__all__ = [
    # Declare
    "WorkstreamBroker",
    "actor",
    "build_broker",
    "configure",
    "current_broker",
    # Send
    "Job",
    "group",
    "job",
    "pipeline",
    "send",
    # Inside a job
    "Cancelled",
    "CurrentJob",
    "Discard",
    "RateLimited",
    "Retry",
    "current_job",
    "get_logger",
    "retry_after",
    # Outside a job
    "limit",
    # For Dramatiq's own middleware
    "LimiterBackend",
    "StoredResults",
    # Errors
    "ConfigError",
    "CostTooHigh",
    "JobNotFound",
    "JobTimeout",
    "LimitTimeout",
    "NoResult",
    "NothingRunsHere",
    "PayloadError",
    "PayloadTooLarge",
    "RedisUnavailable",
    "RedisUnsuitable",
    "UnknownActor",
    "UnknownLimit",
    "UnknownWorkstream",
    "WorkstreamFull",
    "WorkstreamsError",
    "WrongJobState",
]

#: Where each name lives. Names are loaded when they are first used: every command line and
#: every program that only sends would else wait for all rooms, 0.4 s of it.
_HOMES = {
    "Cancelled": "workstreams.admit.cancelling",
    "actor": "workstreams.app",
    "build_broker": "workstreams.assembly",
    "configure": "workstreams.app",
    "current_broker": "workstreams.app",
    "group": "workstreams.app",
    "job": "workstreams.app",
    "limit": "workstreams.app",
    "pipeline": "workstreams.app",
    "send": "workstreams.app",
    "ConfigError": "workstreams.errors",
    "CostTooHigh": "workstreams.errors",
    "JobNotFound": "workstreams.errors",
    "JobTimeout": "workstreams.errors",
    "LimitTimeout": "workstreams.errors",
    "NoResult": "workstreams.errors",
    "NothingRunsHere": "workstreams.errors",
    "PayloadError": "workstreams.errors",
    "PayloadTooLarge": "workstreams.errors",
    "RedisUnavailable": "workstreams.errors",
    "RedisUnsuitable": "workstreams.errors",
    "UnknownActor": "workstreams.errors",
    "UnknownLimit": "workstreams.errors",
    "UnknownWorkstream": "workstreams.errors",
    "WorkstreamFull": "workstreams.errors",
    "WorkstreamsError": "workstreams.errors",
    "WrongJobState": "workstreams.errors",
    "LimiterBackend": "workstreams.finish.barriers",
    "StoredResults": "workstreams.finish.results",
    "Discard": "workstreams.finish.signals",
    "RateLimited": "workstreams.finish.signals",
    "Retry": "dramatiq",
    "get_logger": "workstreams.log.setup",
    "CurrentJob": "workstreams.run.context",
    "current_job": "workstreams.run.context",
    "retry_after": "workstreams.run.retry_after",
    "Job": "workstreams.send.job",
    "WorkstreamBroker": "workstreams.wait.broker",
}

# The room of that name would take the place of the function when it is loaded, which a
# package is once: so now, and its name is free for the function again.
import_module("workstreams.send")
globals().pop("send", None)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
