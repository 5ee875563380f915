"""Worker processes: pools, leases, and when a process is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from workstreams.declare.config import fields
from workstreams.declare.config.model import Model, as_section

__all__ = ["Pool", "Recycle", "WorkerSettings"]

_SECOND = 1_000_000
_PROCESSES = fields.whole(1, 1_000)


class Pool(Model):
    """Worker processes that some workstreams share.

    Attributes:
      processes: How many of them one host runs.
    """

    shorthand: ClassVar[Mapping[str, object] | None] = _PROCESSES.schema

    processes: Annotated[int, _PROCESSES] = 2

    @classmethod
    def expand(cls, value: object) -> object:
        """``4`` stands for ``{processes: 4}``."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"processes": value}
        return value


class Recycle(Model):
    """When a worker process is replaced by a fresh one, between jobs.

    Attributes:
      jobs: After so many; None is never.
      memory: Above so many bytes resident; None is never.
    """

    jobs: Annotated[int | None, fields.or_null(fields.whole(1))] = None
    memory: Annotated[int | None, fields.or_null(fields.size(2**20))] = None


class WorkerSettings(Model):
    """How workers run.

    Attributes:
      pools: Worker processes by the name of their pool.
      lease: Microseconds after which the work of a host that fell silent is given to another.
      grace: Microseconds that running jobs get at a shutdown.
      hard_bound: Microseconds that a job may go on after its timeout before its process is ended for it.
      max_deliveries: So many crashes of its worker make a job dead.
      recycle: When a process is replaced.
    """

    pools: Annotated[Mapping[Annotated[str, fields.name("the name of a pool")], Pool], as_section] = Field(
        default_factory=lambda: {"main": Pool()}
    )
    lease: Annotated[int, fields.duration(_SECOND)] = 15 * _SECOND
    grace: Annotated[int, fields.duration()] = 30 * _SECOND
    hard_bound: Annotated[int, fields.duration(_SECOND)] = 60 * _SECOND
    max_deliveries: Annotated[int, fields.whole(1)] = 3
    recycle: Recycle = Recycle()
