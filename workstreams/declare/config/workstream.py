"""A workstream: a named lane with its limits, retries, caps and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from workstreams.declare.config import fields
from workstreams.declare.config.limits import NamedLimit, PerKey
from workstreams.declare.config.model import Model, as_items, refuse

__all__ = ["Keep", "KeepDead", "KeepDone", "KeepJobs", "KeepLogs", "Retries", "Workstream"]

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR


class Retries(Model):
    """How a failed job is tried again.

    Attributes:
      max: Retries after the first attempt.
      min_backoff: The first wait, in microseconds.
      max_backoff: The longest wait, in microseconds.
      jitter: The share of a wait that is left to chance, 0 to 1.
    """

    shorthand: ClassVar[Mapping[str, object] | None] = {"type": "integer", "minimum": 0}

    max: Annotated[int, fields.whole(0)] = 20
    min_backoff: Annotated[int, fields.duration(1_000)] = _SECOND
    max_backoff: Annotated[int, fields.duration(1_000)] = _HOUR
    jitter: Annotated[float, fields.number(at_least=0, below_or_at=1)] = 0.2

    @classmethod
    def expand(cls, value: object) -> object:
        """``5`` stands for ``{max: 5}``."""
        return {"max": value} if isinstance(value, int) else value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_backoff > self.max_backoff:
            refuse("a min_backoff of at most max_backoff", at=("min_backoff",))
        return self


class KeepJobs(Model):
    """How long and how many ended jobs are kept; whatever is reached first.

    Attributes:
      age: Microseconds since they ended.
      count: The newest so many.
    """

    age: Annotated[int, fields.duration()]
    count: Annotated[int, fields.whole(0)]


class KeepDone(KeepJobs):
    """What is kept of jobs that are done, cancelled or discarded."""

    age: Annotated[int, fields.duration()] = _HOUR
    count: Annotated[int, fields.whole(0)] = 10_000


class KeepDead(KeepJobs):
    """What is kept of dead letters."""

    age: Annotated[int, fields.duration()] = 30 * _DAY
    count: Annotated[int, fields.whole(0)] = 100_000


class KeepLogs(Model):
    """What is kept of log lines.

    Attributes:
      age: Microseconds since they were written.
      size: Bytes, roughly.
    """

    age: Annotated[int, fields.duration()] = 7 * _DAY
    size: Annotated[int, fields.size()] = 64 * 2**20


class Keep(Model):
    """What is kept of what ended."""

    done: KeepDone = KeepDone()
    dead: KeepDead = KeepDead()
    logs: KeepLogs = KeepLogs()


class Workstream(NamedLimit):
    """A named lane.

    Attributes:
      threads: Jobs at once in one worker process.
      within: Names of shared limits that hold as well.
      per_key: A limit for each key; None is none.
      retries: How a failed job is tried again.
      timeout: Microseconds an attempt may take.
      max_waiting: Jobs that may wait before a send is refused.
      max_payload: Bytes of one job's arguments.
      keep: What is kept of what ended.
      read_ahead: This many times ``threads`` jobs are fetched ahead; only without limits.
      pool: The worker processes it shares.
      paused: Whether it starts out paused.
      shard: Where its keys live in a Redis Cluster; None is the app's own shard.
    """

    shorthand: ClassVar[Mapping[str, object] | None] = {"type": "integer", "minimum": 1}

    threads: Annotated[int, fields.whole(1, 1_000)] = 8
    within: Annotated[tuple[Annotated[str, fields.name("the name of a limit")], ...], as_items] = ()
    per_key: PerKey | None = None
    retries: Retries = Retries()
    timeout: Annotated[int, fields.duration(1_000)] = 600 * _SECOND
    max_waiting: Annotated[int, fields.whole(1)] = 1_000_000
    max_payload: Annotated[int, fields.size(1)] = 256 * 2**10
    keep: Keep = Keep()
    read_ahead: Annotated[int, fields.whole(0, 1_000)] = 0
    pool: Annotated[str, fields.name("the name of a pool")] = "main"
    paused: Annotated[bool, fields.flag] = False
    shard: Annotated[str | None, fields.or_null(fields.name("the name of a shard"))] = None

    @classmethod
    def expand(cls, value: object) -> object:
        """``5`` stands for ``{concurrency: 5}``."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"concurrency": value}
        return value

    @property
    def limited(self) -> bool:
        """Whether anything can hold its work back: its own limits, shared ones, or those of its keys."""
        return bool(self.within) or self.per_key is not None or super().limited

    @model_validator(mode="after")
    def _reads_ahead_only_unlimited(self) -> Self:
        if self.read_ahead and self.limited:
            refuse(
                "read_ahead: 0 where a limit holds, since jobs fetched ahead hold it up", at=("read_ahead",)
            )
        return self

    @model_validator(mode="after")
    def _within_each_limit_once(self) -> Self:
        if len(set(self.within)) < len(self.within):
            refuse("each limit once", at=("within",))
        return self
