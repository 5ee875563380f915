"""What stands in the meter of a rate."""

from __future__ import annotations

import dataclasses
from typing import Self

__all__ = ["Meter"]


@dataclasses.dataclass(frozen=True)
class Meter:
    """A meter as it is stored.

    Attributes:
      told: The sum that it tells.
      entries: Of each start, or cell of starts, the µs and what it cost; the oldest first.
    """

    told: float
    entries: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, stored: bytes) -> Self:
        head, _, log = stored.decode().partition("|")
        told, _, _, _, _, last, cost, base, _ = map(float, head.split())
        at, entries = int(base), list[tuple[int, float]]()
        for entry in log.split():
            after, _, weight = entry.partition(":")
            at += int(after)
            entries.append((at, float(weight or 1)))
        return cls(told, (*entries, (int(last), cost)) if last else tuple(entries))
