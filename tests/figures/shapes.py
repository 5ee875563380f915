"""The shapes of limits that are measured, and the most that each lets start."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support import config_of
from workstreams.declare.config.limits import RateLimit

__all__ = ["SHAPES", "STOCK", "Shape", "interval_of", "most_starts"]

#: µs.
SECOND = 1_000_000

#: Jobs beyond what may start, so that there is a backlog to the end.
SPARE = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One way to limit a workstream.

    Attributes:
      name: As it is called in the table.
      limit: Its keys in the config.
      work: Seconds that each job takes.
      workstreams: The workstreams; more than one stay within one shared limit.
      stock: The limiters of Dramatiq's own that can say the same.
    """

    name: str
    limit: Mapping[str, Any]
    work: float = 0.0
    workstreams: tuple[str, ...] = ("work",)
    stock: tuple[str, ...] = ()

    @property
    def concurrency(self) -> int | None:
        """Jobs at once."""
        found: int | None = self.limit.get("concurrency")
        return found

    @property
    def rates(self) -> tuple[RateLimit, ...]:
        """Every rate that holds, wherever it is declared."""
        document = self.document
        config = config_of(
            "shape", "redis://nowhere", Path(), document["workstreams"], document.get("limits")
        )
        limits = [*config.limits.values(), *config.workstreams.values()]
        return tuple(rate for limit in limits for rate in limit.rates)

    def backlog(self, seconds: float) -> int:
        """More jobs than may start in a run of so many seconds."""
        by_slots = self.concurrency * (seconds + 2) / self.work if self.concurrency else math.inf
        return math.ceil(min(by_slots, most_starts(self.rates, (seconds + 2) * SECOND))) + SPARE

    @property
    def document(self) -> dict[str, Any]:
        """A config, which begins paused: all processes are there before anything starts."""
        plain = {"paused": True, "max_waiting": 1_000_000, "keep": {"done": {"count": 1_000_000}}}
        if len(self.workstreams) == 1:
            return {"workstreams": {self.workstreams[0]: {**plain, **self.limit}}}
        within = {name: {**plain, "within": ["account"]} for name in self.workstreams}
        return {"limits": {"account": dict(self.limit)}, "workstreams": within}


RATES = ("bucket", "window")

SHAPES = (
    Shape("1/s", {"rate": "1/s"}),
    Shape("10/s", {"rate": "10/s"}, stock=RATES),
    Shape("50/s", {"rate": "50/s"}, stock=RATES),
    Shape("1000/s", {"rate": "1000/s"}),
    Shape("100/m", {"rate": "100/m"}, stock=RATES),
    Shape("10000/h", {"rate": "10000/h"}),
    Shape("50/s burst 1", {"rate": "50/s", "burst": 1}),
    Shape("20/s and 1000/m", {"rate": ["20/s", "1000/m"]}),
    Shape("50/s shared by two", {"rate": "50/s"}, workstreams=("work", "other")),
    Shape("concurrency 5", {"concurrency": 5}, work=0.05, stock=("concurrent",)),
    Shape("50/s and concurrency 5", {"rate": "50/s", "concurrency": 5}, work=0.02),
)

#: Limits of stock Dramatiq's limiters in the words of theirs: how many, and in how many seconds.
STOCK = {"10/s": (10, 1), "50/s": (50, 1), "100/m": (100, 60), "concurrency 5": (5, 0)}


def interval_of(rate: RateLimit) -> float:
    """µs between two permits."""
    return (rate.window + rate.margin) / rate.permits


def most_starts(rates: Iterable[RateLimit], lasted: float) -> float:
    """The most jobs that may start within so many µs after the first, while many wait.

    Parameters:
      rates: All hold.
      lasted: µs, the end excluded.
    """
    return min((_most_of(rate, lasted) for rate in rates), default=math.inf)


def _most_of(rate: RateLimit, lasted: float) -> int:
    logged = rate.permits * max(1, math.ceil(lasted / (rate.window + rate.margin)))
    if rate.burst is None:
        return logged
    # A burst is spent at once, and comes back one by one.
    return min(logged, rate.burst + math.ceil(lasted / interval_of(rate)) - 1)
