"""What a command wants to be run, and which processes that takes under a config."""

from __future__ import annotations

import dataclasses

from workstreams.declare.config import Config
from workstreams.errors import ConfigError, Problem

__all__ = ["Crew", "Orders"]


@dataclasses.dataclass(frozen=True, slots=True)
class Crew:
    """The processes of one pool.

    Attributes:
      pool: Its name.
      workstreams: What they work on.
      processes: How many there are to be.
    """

    pool: str
    workstreams: tuple[str, ...]
    processes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """What to run of a config.

    Attributes:
      pools: Only these pools; None is all.
      only: Only these workstreams; None is all.
      processes: So many in each pool, instead of what the config says.
      until_empty: Whether to end when nothing waits, is scheduled or runs.
      schedules: Whether to fire the schedules as well.
    """

    pools: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    processes: int | None = None
    until_empty: bool = False
    schedules: bool = False

    def crews(self, config: Config) -> tuple[Crew, ...]:
        """Which processes there are to be.

        Parameters:
          config: Declares pools and workstreams.

        Raises:
          ConfigError: When nothing is left to work on.
          UnknownWorkstream: When one of *only* is not declared.
        """
        for name in self.only or ():
            config.workstream(name)
        crews: list[Crew] = []
        for pool, settings in config.worker.pools.items():
            names = tuple(name for name in config.queues(pool) if self.only is None or name in self.only)
            if names and (self.pools is None or pool in self.pools):
                crews.append(Crew(pool, names, self.processes or settings.processes))
        if not crews:
            raise ConfigError([self._nothing()])
        return tuple(crews)

    def _nothing(self) -> Problem:
        pools = ", ".join(self.pools) if self.pools else "all"
        names = ", ".join(self.only) if self.only else "all"
        found, hint = f"pools {pools}, workstreams {names}", "declare it under workstreams:"
        return Problem("at least one workstream to work on", found, hint=hint)
