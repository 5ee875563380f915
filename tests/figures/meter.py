"""What a server did between two readings: calls of clients, and its own time."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import redis

__all__ = ["Reading", "read"]

#: Commands by which a client calls a script or a function; what these call in turn is part of their time.
CALLS = ("eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro")


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a server counts from its start on.

    Attributes:
      calls: Calls of scripts and functions.
      script_us: µs that it spent in them, by the clock on the wall.
      commands: Commands of any kind, those that scripts call included.
      reads: Times that it read from a connection, which are the round trips of all clients.
      cpu_us: µs of processor time that its process used.
    """

    calls: int
    script_us: int
    commands: int
    reads: int
    cpu_us: float

    def __sub__(self, before: Reading) -> Reading:
        return Reading(
            self.calls - before.calls,
            self.script_us - before.script_us,
            self.commands - before.commands,
            self.reads - before.reads,
            self.cpu_us - before.cpu_us,
        )


def read(client: redis.Redis) -> Reading:
    """Read the counts of a server; reading adds a few round trips."""
    stats = cast("dict[str, dict[str, Any]]", client.info("commandstats"))
    called = [stats[f"cmdstat_{name}"] for name in CALLS if f"cmdstat_{name}" in stats]
    cpu = cast("dict[str, float]", client.info("cpu"))
    return Reading(
        calls=sum(int(one["calls"]) for one in called),
        script_us=sum(int(one["usec"]) for one in called),
        commands=sum(int(one["calls"]) for name, one in stats.items() if name.startswith("cmdstat_")),
        reads=int(cast("dict[str, Any]", client.info("stats"))["total_reads_processed"]),
        cpu_us=(float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])) * 1_000_000,
    )
