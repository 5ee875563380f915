"""Cron read by the wall clock of a zone, also on the days when that clock is put forward or back.

As in Debian's cron: times of the day (neither minute nor hour begins with ``*``) that the clock
passes over are ticks at the first instant after the gap, and those that it shows twice are ticks
the first time only. Anything else goes by elapsed time: ``*/10`` ticks every ten minutes, in the
repeated hour as well, and has nothing to make up for in a gap.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from workstreams.declare.cron import Cron
from workstreams.schedule.moments import from_us, to_us

__all__ = ["WallClock"]

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_MINUTE_US = 60_000_000
#: The calendar of Python ends with 9999, and looks a day ahead.
_LAST_YEAR = 9998


@dataclasses.dataclass(frozen=True, slots=True)
class WallClock:
    """The ticks of a cron text in a zone.

    Attributes:
      cron: The times that it names.
      zone: Whose wall clock shows them.
    """

    cron: Cron
    zone: ZoneInfo

    def after(self, us: int) -> int | None:
        """The first tick later than an instant, in µs since 1970; None when the calendar ends first."""
        # A day early: a clock that is put back over midnight shows a date again.
        day = from_us(us).astimezone(self.zone).date() - _DAY
        while day.year <= _LAST_YEAR:
            found = self._first_on(day, us)
            if found is not None:
                # That clock may show the beginning of the next day before the end of this one.
                following = self._first_on(day + _DAY, us)
                return found if following is None else min(found, following)
            day = self._day_after(day)
        return None

    def _first_on(self, day: date, us: int) -> int | None:
        if not self.cron.names(day):
            return None
        ticks = _ticks_of(self.cron, self.zone, day)
        place = bisect_right(ticks, us)
        return ticks[place] if place < len(ticks) else None

    def _day_after(self, day: date) -> date:
        following = day + _DAY
        if following.month in self.cron.months:
            return following
        # No day of this month is named: go on with the next month.
        return (following.replace(day=1) + 32 * _DAY).replace(day=1)


@lru_cache(maxsize=1024)
def _ticks_of(cron: Cron, zone: ZoneInfo, day: date) -> tuple[int, ...]:
    """The ticks of one local date, in order."""
    midnight = datetime(day.year, day.month, day.day)
    offsets = {
        edge.replace(tzinfo=zone, fold=fold).utcoffset()
        for edge in (midnight, midnight + _DAY)
        for fold in (0, 1)
    }
    if len(offsets) == 1:
        begin = to_us(midnight.replace(tzinfo=zone))
        return tuple(
            begin + (60 * hour + minute) * _MINUTE_US for hour in cron.hours for minute in cron.minutes
        )
    ticks: set[int] = set()
    for hour in cron.hours:
        for minute in cron.minutes:
            local = midnight.replace(hour=hour, minute=minute)
            ticks.update(_of_day(local, zone) if cron.of_day else _instants(local, zone))
    return tuple(sorted(ticks))


def _of_day(local: datetime, zone: ZoneInfo) -> list[int]:
    """The one tick of a time of the day: the first time that the clock shows it, or is past it."""
    while not (found := _instants(local, zone)):
        local += _MINUTE
    return found[:1]


def _instants(local: datetime, zone: ZoneInfo) -> list[int]:
    """When a clock shows this time: once, twice, or never."""
    found: set[int] = set()
    for fold in (0, 1):
        moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            found.add(to_us(moment))
    return sorted(found)
