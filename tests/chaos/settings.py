"""What one chaos session is: how long, how much work, which limits, which faults."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import orjson

from workstreams.units import Rate, parse_rate

__all__ = ["Settings"]


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """One session; the same settings and seed give the same jobs and the same plan of faults.

    Attributes:
      seconds: How long faults happen; what is left over then is drained in peace.
      seed: Of the jobs' lengths and of the faults.
      jobs: The most jobs to send; None is as many as the rates allow.
      rates: The rates of the workstream, which all hold.
      concurrency: Its jobs at once over the fleet.
      work: So many times as long as usual do the jobs take: 5 ms to 2 s, 90 ms on average.
      kill_every: Seconds between two faults, on average.
      lease: Seconds.
      hosts: Supervisors.
      processes: Worker processes of each.
      threads: Jobs at once in one worker process.
      schedulers: ``workstreams scheduler`` processes.
      faults: The kinds of faults that happen.
      fsync: Redis's ``appendfsync``: with ``always`` nothing that was answered may be gone.
      share: The least share of what the rates allow, in per cent, that has to be reached; 0 for any.
    """

    seconds: float = 60.0
    seed: int = 1
    jobs: int | None = None
    rates: tuple[str, ...] = ("200/s", "10000/m")
    concurrency: int = 50
    work: float = 1.0
    kill_every: float = 5.0
    lease: float = 2.0
    hosts: int = 3
    processes: int = 2
    threads: int = 16
    schedulers: int = 2
    faults: tuple[str, ...] = ("kill-worker",)
    fsync: str = "everysec"
    share: float = 95.0

    @property
    def limits(self) -> tuple[Rate, ...]:
        """The rates as numbers: permits, and a window in µs."""
        return tuple(parse_rate(rate) for rate in self.rates)

    @property
    def per_second(self) -> float:
        """What the tightest of the rates allows in a second, in the long run."""
        return min(rate.permits * 1_000_000 / rate.window for rate in self.limits)

    @property
    def at_first(self) -> float:
        """What the shortest of the rates allows in a second, before a longer one binds."""
        shortest = min(self.limits, key=lambda rate: rate.window)
        return shortest.permits * 1_000_000 / shortest.window

    def save(self, folder: Path) -> None:
        """Write the settings beside the history."""
        (folder / "settings.json").write_bytes(orjson.dumps(self, option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """Read what :meth:`save` wrote."""
        found = orjson.loads((folder / "settings.json").read_bytes())
        return cls(**{**found, "rates": tuple(found["rates"]), "faults": tuple(found["faults"])})
