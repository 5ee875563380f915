"""Why the server cannot be used."""

from __future__ import annotations

from workstreams.errors.root import WorkstreamsError

__all__ = ["NothingRunsHere", "RedisUnavailable", "RedisUnsuitable"]


class RedisUnavailable(WorkstreamsError):
    """Redis could not be reached in time."""


class NothingRunsHere(RedisUnavailable):
    """The config says ``redis: embedded`` and no embedded server is up."""


class RedisUnsuitable(WorkstreamsError):
    """The server was reached, but is too old or set up so that promises cannot hold."""
