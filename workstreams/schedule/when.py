"""When a schedule ticks: at nominal instants that follow from its text alone, never from now."""

from __future__ import annotations

import dataclasses
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Protocol

from workstreams.declare.config.schedule import Schedule
from workstreams.declare.cron import parse_cron
from workstreams.schedule.moments import from_us, to_us
from workstreams.schedule.wall_clock import WallClock
from workstreams.units import format_duration

__all__ = ["Every", "Span", "When", "described", "next_fires", "span_of", "ticks_after", "when_of"]


class When(Protocol):
    """The ticks of a schedule."""

    def after(self, us: int) -> int | None:
        """The first tick later than an instant, both in µs since 1970; None if there is none."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Every:
    """Ticks at the multiples of an interval since 1970 in UTC, so that all schedulers agree on them.

    Attributes:
      interval: µs.
    """

    interval: int

    def after(self, us: int) -> int:
        """The first multiple later than an instant."""
        return (us // self.interval + 1) * self.interval


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Ticks in a row.

    Attributes:
      ticks: How many; at least one.
      first: The earliest, in µs since 1970.
      last: The latest.
    """

    ticks: int
    first: int
    last: int


def when_of(schedule: Schedule) -> When:
    """The ticks that a schedule declares."""
    if schedule.every is not None:
        return Every(schedule.every)
    assert schedule.cron is not None, "the config holds one of both"
    return WallClock(parse_cron(schedule.cron), zoneinfo.ZoneInfo(schedule.timezone))


def described(schedule: Schedule) -> str:
    """When a schedule ticks, in words."""
    if schedule.every is not None:
        return f"every {format_duration(schedule.every)}"
    return f"{schedule.cron} {schedule.timezone}"


def ticks_after(when: When, after: int, until: int | None = None) -> Iterator[int]:
    """The ticks later than an instant, in order.

    Parameters:
      when: Whose.
      after: µs since 1970.
      until: The last instant that may be one; None is no end.
    """
    tick = when.after(after)
    while tick is not None and (until is None or tick <= until):
        yield tick
        tick = when.after(tick)


def span_of(when: When, after: int, until: int) -> Span | None:
    """The ticks in (after, until] counted, or None if there is none."""
    first = when.after(after)
    if first is None or first > until:
        return None
    if isinstance(when, Every):
        ticks = (until - first) // when.interval + 1
        return Span(ticks, first, first + (ticks - 1) * when.interval)
    ticks, last = 1, first
    for tick in ticks_after(when, first, until):
        ticks, last = ticks + 1, tick
    return Span(ticks, first, last)


def next_fires(schedule: Schedule, after: datetime, n: int) -> list[datetime]:
    """The next ticks of a schedule.

    Parameters:
      schedule: Whose.
      after: A time with a zone; a tick at this very instant is left out.
      n: How many.

    Returns:
      UTC times; fewer only when the calendar ends.
    """
    return [from_us(tick) for tick in islice(ticks_after(when_of(schedule), to_us(after)), n)]
