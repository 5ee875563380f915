"""One tree of errors.

    WorkstreamsError
    ├── ConfigError            a file, a flag or a variable says something impossible
    ├── UnknownWorkstream      a name that no config declares
    │   └── UnknownLimit       and that is no limit's either
    ├── LimitNotPublished      a limit that is not in Redis yet
    ├── UnknownActor           an actor that this process has not imported
    ├── PayloadError           arguments that JSON cannot carry
    │   └── PayloadTooLarge
    ├── WorkstreamFull         the workstream's ``max_waiting`` is reached
    ├── CostTooHigh            a job that could never start under its rate
    ├── LimitTimeout           a limit had no room in the time that was given
    ├── JobNotFound            no record of this job is kept (any longer)
    ├── JobTimeout             a job has not ended in the time that was given
    ├── WrongJobState          a job is not in a state in which this can be done to it
    ├── NoResult               a job left no result, or it is kept no longer
    ├── RedisUnavailable       no server, or none that answers, or none that may be used
    │   └── NothingRunsHere    the embedded server of this project is not up
    └── RedisUnsuitable        the server answers but cannot hold the promises

Every message is one sentence: what was expected, what was found, what to do.
The data behind it is in the attributes. Where a send of several jobs fails, whatever the
error, it says what became of them: ``jobs``, ``sent``, ``in_doubt`` of the root.
"""

from __future__ import annotations

from workstreams.errors.config import ConfigError, Problem
from workstreams.errors.jobs import JobNotFound, JobTimeout, NoResult, WrongJobState
from workstreams.errors.limiting import LimitNotPublished, LimitTimeout
from workstreams.errors.naming import UnknownActor, UnknownLimit, UnknownWorkstream, nearest
from workstreams.errors.root import WorkstreamsError
from workstreams.errors.sending import CostTooHigh, PayloadError, PayloadTooLarge, WorkstreamFull
from workstreams.errors.server import NothingRunsHere, RedisUnavailable, RedisUnsuitable

__all__ = [
    "ConfigError",
    "CostTooHigh",
    "JobNotFound",
    "JobTimeout",
    "LimitNotPublished",
    "LimitTimeout",
    "NoResult",
    "NothingRunsHere",
    "PayloadError",
    "PayloadTooLarge",
    "Problem",
    "RedisUnavailable",
    "RedisUnsuitable",
    "UnknownActor",
    "UnknownLimit",
    "UnknownWorkstream",
    "WorkstreamFull",
    "WorkstreamsError",
    "WrongJobState",
    "nearest",
]
