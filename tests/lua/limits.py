"""Limits as they should hold: lists of what was admitted, and what a refusal does to a rate."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import TypeAlias

#: µs by which a spaced start may come early: the pacing slack is at most this.
SLACK = 5_000
#: µs that a told time may be early: each start rounds the next to a whole one.
ROUNDING = 50
_EPSILON = 1e-9

Cost: TypeAlias = float | Mapping[str, float]


def on(cost: Cost, name: str) -> float:
    """What a job weighs against one limit."""
    return cost.get(name, 1) if isinstance(cost, Mapping) else cost


def word(cost: Cost) -> float | str:
    """A cost as it is sent."""
    return json.dumps(cost) if isinstance(cost, Mapping) else cost


@dataclasses.dataclass(frozen=True)
class Rate:
    """One rate in force: ``permits`` in any ``window`` µs, at most ``burst`` (0: any) at one instant."""

    permits: int
    window: int
    burst: int = 0

    @property
    def margin(self) -> int:
        return min(self.window // 100, 20_000)

    @property
    def span(self) -> int:
        return self.window + self.margin

    def written(self) -> dict[str, object]:
        """As a config has it."""
        burst = {"burst": self.burst} if self.burst else {}
        return {"rate": f"{self.permits}/{self.window // 1_000_000}s", **burst}


@dataclasses.dataclass(frozen=True)
class Ease:
    """What a refusal does to the shortest rate; ``least`` is in permits a second."""

    back_off: float
    recover: int
    least: int

    def written(self) -> dict[str, object]:
        return {"back_off": self.back_off, "recover": f"{self.recover // 1000}ms", "min": f"{self.least}/s"}


@dataclasses.dataclass(frozen=True)
class Bound:
    """One limit in force; the shortest rate stands first."""

    rates: tuple[Rate, ...] = ()
    concurrency: int | None = None
    ease: Ease | None = None

    def written(self) -> dict[str, object]:
        """As a config has it."""
        found: dict[str, object] = {"rate": [one.written() for one in self.rates]} if self.rates else {}
        if self.rates and self.ease:
            found["on_rate_limited"] = self.ease.written()
        return found | ({"concurrency": self.concurrency} if self.concurrency else {})


@dataclasses.dataclass(frozen=True)
class PerKey:
    """The limit of each key of a workstream."""

    bound: Bound = Bound()
    weights: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def written(self) -> dict[str, object]:
        return self.bound.written() | ({"weights": dict(self.weights)} if self.weights else {})


@dataclasses.dataclass(frozen=True)
class Spacing:
    """How starts under a rate are spaced: ``interval`` µs a permit, ``burst`` at one instant."""

    interval: float
    burst: int


@dataclasses.dataclass(frozen=True)
class Eased:
    """A rate that was lowered, in permits a window."""

    high: float
    low: float
    since: int


class Log:
    """Everything that a limit ever admitted, with the strictest spacing that would be right."""

    def __init__(self) -> None:
        self.admitted: list[tuple[int, float]] = []
        self.changed = 0
        self.shut = 0
        self.eased: Eased | None = None
        self._spacing: dict[int, float] = {}
        #: What that may be too late by, since starts may use up some slack: it grows with what is left.
        self._slack: dict[int, float] = {}
        #: When a window was taken away, and what its interval was.
        self._without: dict[int, tuple[int, float]] = {}

    # What an upstream said.

    def pace(self, bound: Bound, now: int) -> float | None:
        """The permits a window that a lowered rate has come back to; None when it is whole."""
        if not (self.eased and bound.ease and bound.rates):
            return None
        high, low = self.eased.high, self.eased.low
        x = (now - self.eased.since) / bound.ease.recover - 1
        reached = max(high + (high - low) * x**3, bound.ease.least)
        return reached if reached < bound.rates[0].permits else None

    def refuse(self, bound: Bound, started: int, now: int, until: int) -> None:
        """Shut it, and lower its rate: once for all that had started before it was lowered."""
        self.shut = max(self.shut, until)
        if not (bound.ease and bound.rates):
            return
        rate, before = bound.rates[0], self.pace(bound, now)
        if before is not None and self.eased and started <= self.eased.since:
            return
        high = before or rate.permits
        self.eased = Eased(high, max(bound.ease.least, high * bound.ease.back_off), now)
        self.changed = len(self.admitted)

    # What changes.

    def change(self, before: Bound, after: Bound, now: int) -> None:
        """Another bound holds from now on: what is left of a spacing stays the same number of permits."""
        self.changed = len(self.admitted)
        had, has = self._intervals(before, now), self._intervals(after, now)
        self._without |= {window: (now, had[window]) for window in had.keys() - has.keys()}
        for rate in after.rates:
            at, was = self._without.pop(rate.window, (now, had.get(rate.window)))
            if was is not None:
                self._respace(rate, at, has[rate.window] / was)

    def _intervals(self, bound: Bound, now: int) -> dict[int, float]:
        pace = self.pace(bound, now)
        found = {one.window: one.span / one.permits for one in bound.rates}
        return found | ({bound.rates[0].window: bound.rates[0].span / pace} if pace else {})

    def _respace(self, rate: Rate, at: int, ratio: float) -> None:
        left = self._spacing.get(rate.window, 0) - at
        if left > 0 and ratio != 1:
            self._spacing[rate.window] = at + min(left * ratio, rate.span)
            self._slack[rate.window] = max(SLACK, self._early(rate) * ratio)

    def _early(self, rate: Rate) -> float:
        return self._slack.get(rate.window, SLACK)

    # What it admits.

    def spacing(self, bound: Bound, rate: Rate, now: int) -> Spacing | None:
        pace = self.pace(bound, now) if rate is bound.rates[0] else None
        if pace is not None:
            return Spacing(rate.span / pace, 1)
        return _declared(rate)

    def used(self, after: float) -> float:
        """Costs admitted later than *after*."""
        return sum(cost for at, cost in self.admitted if at > after)

    def charge(self, at: int, cost: float, bound: Bound) -> None:
        """Take note of a start, after checking that it was right."""
        assert self.shut <= at, f"something started at {at} under a limit that is shut until {self.shut}"
        for rate in bound.rates:
            spaced = self.spacing(bound, rate, at)
            if spaced:
                first = self._spaced(rate, spaced, cost) - self._early(rate) - ROUNDING
                assert at >= first, f"{cost} at {at}, before {first}, under {rate}, {spaced}"
        self.admitted.append((at, cost))
        for rate in bound.rates:
            used = self.used(at - rate.span)
            assert used <= rate.permits + _EPSILON, f"{used} under {rate} at {at}: {self.admitted}"
            if spaced := self.spacing(bound, rate, at):
                costs = [cost for when, cost in self.admitted[self.changed :] if when == at]
                assert len(costs) == 1 or sum(costs) <= spaced.burst + _EPSILON, f"{costs} at once: {rate}"
                before = self._spacing.get(rate.window, 0)
                self._spacing[rate.window] = max(before, at) + cost * spaced.interval
                if before <= at:
                    self._slack[rate.window] = SLACK

    def latest(self, bound: Bound, cost: float, now: int) -> float:
        """When a job of this cost may start at the latest, if nothing changes."""
        times: list[float] = [now, self.shut]
        for rate in bound.rates:
            if cost > rate.permits:
                return math.inf
            times.append(self._log_time(rate, cost, now))
            if spaced := self.spacing(bound, rate, now):
                times.append(self._spaced(rate, spaced, cost))
        return max(times)

    def soonest(self, bound: Bound, cost: float, now: int) -> float:
        """When a job of this cost may start at the earliest, with all the slack there is."""
        times: list[float] = [now, self.shut]
        for rate in bound.rates:
            times.append(self._log_time(rate, min(cost, rate.permits), now))
            # What is paced now may be whole again before it starts.
            kinds = [self.spacing(bound, rate, now), _declared(rate)]
            early = self._early(rate)
            times.append(min(self._spaced(rate, one, cost) - early if one else 0 for one in kinds))
        return max(times)

    def _log_time(self, rate: Rate, cost: float, now: int) -> float:
        """The first µs from *now* at which the window has room for *cost*."""
        moments = sorted({now, *(at + rate.span for at, _ in self.admitted if at + rate.span > now)})
        return next(t for t in moments if self.used(t - rate.span) + cost <= rate.permits + _EPSILON)

    def _spaced(self, rate: Rate, spaced: Spacing, cost: float) -> float:
        """The first µs at which starts are spaced without any slack."""
        before = self._spacing.get(rate.window, 0)
        return before + (min(cost, spaced.burst) - spaced.burst) * spaced.interval


def _declared(rate: Rate) -> Spacing | None:
    return Spacing(rate.span / rate.permits, rate.burst) if 0 < rate.burst < rate.permits else None
