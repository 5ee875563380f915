"""Named workstreams whose limits hold over the whole fleet, for Dramatiq and Redis."""

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
