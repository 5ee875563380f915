"""Named workstreams whose limits hold over the whole fleet, for Dramatiq and Redis."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workstreams.app import actor, build_broker, configure, current_broker, send
    from workstreams.errors import (
        ConfigError,
        CostTooHigh,
        JobNotFound,
        NothingRunsHere,
        PayloadError,
        PayloadTooLarge,
        RedisUnavailable,
        RedisUnsuitable,
        UnknownActor,
        UnknownWorkstream,
        WorkstreamFull,
        WorkstreamsError,
    )
    from workstreams.finish.signals import Discard, RateLimited
    from workstreams.log.setup import get_logger
    from workstreams.run.context import CurrentJob, current_job
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
    "send",
    # Inside a job
    "CurrentJob",
    "Discard",
    "RateLimited",
    "current_job",
    "get_logger",
    # Errors
    "ConfigError",
    "CostTooHigh",
    "JobNotFound",
    "NothingRunsHere",
    "PayloadError",
    "PayloadTooLarge",
    "RedisUnavailable",
    "RedisUnsuitable",
    "UnknownActor",
    "UnknownWorkstream",
    "WorkstreamFull",
    "WorkstreamsError",
]

#: Where each name lives. Names are loaded when they are first used: every command line and
#: every program that only sends would else wait for all rooms, 0.4 s of it.
_HOMES = {
    "actor": "workstreams.app",
    "build_broker": "workstreams.app",
    "configure": "workstreams.app",
    "current_broker": "workstreams.app",
    "send": "workstreams.app",
    "ConfigError": "workstreams.errors",
    "CostTooHigh": "workstreams.errors",
    "JobNotFound": "workstreams.errors",
    "NothingRunsHere": "workstreams.errors",
    "PayloadError": "workstreams.errors",
    "PayloadTooLarge": "workstreams.errors",
    "RedisUnavailable": "workstreams.errors",
    "RedisUnsuitable": "workstreams.errors",
    "UnknownActor": "workstreams.errors",
    "UnknownWorkstream": "workstreams.errors",
    "WorkstreamFull": "workstreams.errors",
    "WorkstreamsError": "workstreams.errors",
    "Discard": "workstreams.finish.signals",
    "RateLimited": "workstreams.finish.signals",
    "get_logger": "workstreams.log.setup",
    "CurrentJob": "workstreams.run.context",
    "current_job": "workstreams.run.context",
    "Job": "workstreams.send.job",
    "WorkstreamBroker": "workstreams.wait.broker",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
