"""Cron text, read as a crontab has it: which minutes, hours and days it names."""

from __future__ import annotations

import calendar
import dataclasses
import re
from collections.abc import Mapping
from datetime import date

from workstreams.errors import nearest

__all__ = ["NICKNAMES", "Cron", "parse_cron"]

#: What stands for five fields.
NICKNAMES: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_FIVE = "five fields of cron, such as 0 3 * * mon-fri, or @hourly"
_NUMBER = re.compile(r"[0-9]{1,3}")
#: After so many years the calendar repeats itself, weekdays included.
_CYCLE = range(2000, 2400)


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: what it is called, its numbers, and names for them."""

    called: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"cron whose {self.called} are from {self.least} to {self.most}{names}"


_MINUTES = _Field("minutes (1st field)", 0, 59)
_HOURS = _Field("hours (2nd field)", 0, 23)
_DAYS = _Field("days of the month (3rd field)", 1, 31)
_MONTHS = _Field(
    *("months (4th field)", 1, 12),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
_WEEKDAYS = _Field("weekdays (5th field)", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))


@dataclasses.dataclass(frozen=True, slots=True)
class Cron:
    """The times that a cron text names.

    Attributes:
      minutes: Minutes of an hour.
      hours: Hours of a day.
      days: Days of a month.
      last_day: Whether the last day of a month counts as well.
      months: Months, January is 1.
      weekdays: Weekdays, Sunday is 0.
      nth: Pairs of a weekday and which one of its month it is.
      both: Whether day and weekday must both fit: so it is when one of the fields begins with
        ``*``; otherwise either is enough.
      of_day: Whether it names times of the day: neither minute nor hour begins with ``*``.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    nth: frozenset[tuple[int, int]]
    both: bool
    of_day: bool

    def names(self, day: date) -> bool:
        """Whether it names a day."""
        if day.month not in self.months:
            return False
        in_month, in_week = self._in_month(day), self._in_week(day)
        return (in_month and in_week) if self.both else (in_month or in_week)

    def _in_month(self, day: date) -> bool:
        if day.day in self.days:
            return True
        return self.last_day and day.day == calendar.monthrange(day.year, day.month)[1]

    def _in_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return weekday in self.weekdays or (weekday, (day.day + 6) // 7) in self.nth

    def names_any_day(self) -> bool:
        """Whether there is a day that it names; February has no 31st."""
        return any(
            self.names(date(year, month, day))
            for year in _CYCLE
            for month in sorted(self.months)
            for day in range(1, calendar.monthrange(year, month)[1] + 1)
        )


def parse_cron(text: str) -> Cron:
    """Read cron text.

    Numbers, names (``mon``, ``jan``), ranges, lists and steps; 0 and 7 are Sunday. ``tue#3`` is the third
    Tuesday of a month, ``L`` its last day.

    Parameters:
      text: Five fields, or a nickname such as ``@daily``.

    Returns:
      The times it names.

    Raises:
      ValueError: With what was expected, and a hint.
    """
    words = NICKNAMES.get(text.strip(), text).lower().split()
    if len(words) != 5:
        raise ValueError(_FIVE, _other_hint(text.strip()))
    days, _, last_day = _read(_DAYS, words[2])
    weekdays, nth, _ = _read(_WEEKDAYS, words[4])
    cron = Cron(
        minutes=tuple(sorted(_read(_MINUTES, words[0])[0])),
        hours=tuple(sorted(_read(_HOURS, words[1])[0])),
        days=frozenset(days),
        last_day=last_day,
        months=frozenset(_read(_MONTHS, words[3])[0]),
        weekdays=frozenset(day % 7 for day in weekdays),
        nth=frozenset((day % 7, which) for day, which in nth),
        both=words[2].startswith("*") or words[4].startswith("*"),
        of_day=not words[0].startswith("*") and not words[1].startswith("*"),
    )
    if not cron.names_any_day():
        raise ValueError("cron that names a day which exists")
    return cron


def _other_hint(text: str) -> str:
    close = nearest(text, NICKNAMES) if text.startswith("@") else None
    if close:
        return f'did you mean "{close}"?'
    return "a sixth field, for seconds, is not known: for less than a minute write every: 10s" * (
        len(text.split()) == 6
    )


def _read(field: _Field, word: str) -> tuple[set[int], set[tuple[int, int]], bool]:
    """The numbers of a field, its n-th weekdays, and whether it names the last day of the month."""
    numbers: set[int] = set()
    nth: set[tuple[int, int]] = set()
    last_day = False
    for item in word.split(","):
        if field is _DAYS and item == "l":
            last_day = True
        elif field is _WEEKDAYS and "#" in item:
            nth.add(_nth(item))
        else:
            numbers |= set(_stepped(field, item))
    return numbers, nth, last_day


def _nth(item: str) -> tuple[int, int]:
    day, _, which = item.partition("#")
    if which not in ("1", "2", "3", "4", "5"):
        raise ValueError("cron whose weekday has a number from 1 to 5 behind its #", f'found "{item}"')
    return _number(_WEEKDAYS, day, item), int(which)


def _stepped(field: _Field, item: str) -> range:
    base, slash, step = item.partition("/")
    size = field.most - field.least + 1
    if slash and not (_NUMBER.fullmatch(step) and 1 <= int(step) <= size):
        raise ValueError(
            f"cron whose {field.called} have a step from 1 to {size}", _step_hint(field, step, item)
        )
    return _range(field, base, item, open_end=bool(slash))[:: int(step) if slash else 1]


def _step_hint(field: _Field, step: str, item: str) -> str:
    if field in (_MINUTES, _HOURS) and step.isdecimal() and int(step) > 0:
        return f"for any other interval write every: {step}{'m' if field is _MINUTES else 'h'}"
    return f'found "{item}"'


def _range(field: _Field, base: str, item: str, *, open_end: bool) -> range:
    """What stands before a step; a single number with a step goes up to the end, as in cronie."""
    if base == "*":
        return range(field.least, field.most + 1)
    low, dash, high = base.partition("-")
    first = _number(field, low, item)
    if not dash:
        return range(first, field.most + 1 if open_end else first + 1)
    # At the end of a range Sunday is the seventh day: sat-sun.
    last = 7 if field is _WEEKDAYS and high == "sun" and first else _number(field, high, item)
    if last < first:
        raise ValueError(
            f"cron whose ranges of {field.called} rise", f'"{item}" falls: write it as two, with a comma'
        )
    return range(first, last + 1)


def _number(field: _Field, text: str, item: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.least
    if _NUMBER.fullmatch(text) and field.least <= int(text) <= field.most:
        return int(text)
    close = nearest(text, field.names)
    raise ValueError(field.expected, f'did you mean "{close}"?' if close else f'"{item}" is none')
