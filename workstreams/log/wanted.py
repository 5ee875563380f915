"""Which lines a reader wants to see."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from workstreams.errors import ConfigError, Problem, nearest
from workstreams.log.lines import LEVELS

__all__ = ["Wanted", "wanted"]


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; what is None or 0 lets everything through.

    Attributes:
      job: Id of the one job.
      actor: Name of the one actor.
      weight: Least weight of the level.
      grep: Text that must stand in the line.
    """

    job: bytes | None = None
    actor: str | None = None
    weight: int = 0
    grep: str | None = None

    def entry(self, fields: Mapping[bytes, bytes]) -> bool:
        """Whether an entry may be wanted; cheap, before anything is parsed."""
        return self.job is None or fields.get(b"j") == self.job

    def line(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is wanted. A level nobody knows weighs as much as ``info``."""
        if self.actor is not None and line.get("actor") != self.actor:
            return False
        if LEVELS.get(line["level"], LEVELS["info"]) < self.weight:
            return False
        return self.grep is None or any(self.grep in f"{name}={value}" for name, value in line.items())


def wanted(job: str | None, actor: str | None, level: str | None, grep: str | None) -> Wanted:
    """Make a filter of what a user asked for.

    Raises:
      ConfigError: When there is no such level.
    """
    if level is not None and level.lower() not in LEVELS:
        near = nearest(level, LEVELS)
        hint = f'did you mean "{near}"?' if near else ""
        raise ConfigError([Problem(f"one of {', '.join(LEVELS)}", f'"{level}"', "level", hint=hint)])
    return Wanted(job.encode() if job else None, actor, LEVELS[level.lower()] if level else 0, grep)
