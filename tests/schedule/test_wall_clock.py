"""The times of cron text equal those of an independent library, and the days of changed clocks are right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from workstreams.declare.cron import parse_cron
from workstreams.schedule.moments import from_us, to_us
from workstreams.schedule.wall_clock import WallClock
from workstreams.schedule.when import ticks_after

#: Taken from crontabs.
LINES = [
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "17 * * * *",
    "25 6 * * *",
    "47 6 * * 7",
    "52 6 1 * *",
    "0 3 * * mon-fri",
    "30 8,12,17 * * 1-5",
    "0 22 * * 1-5",
    "5 4 * * sun",
    "0 0 1,15 * 3",
    "0 0 13 * fri",
    "*/10 9-17 * jan-mar,oct *",
    "0 */2 * * *",
    "23 0-20/2 * * *",
    "0 9 * */3 mon#1",
    "15 14 L * *",
    "0 12 */2 * mon",
    "0 0 29 2 *",
]
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "Africa/Casablanca"),
    *("Atlantic/Azores", "America/Havana", "Pacific/Chatham", "Africa/Cairo", "Australia/Lord_Howe"),
]
#: Where clocks change on a full hour, and not at midnight: elsewhere the library reads ``*`` its own way.
PLAIN_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney"]


def ours(text: str, zone: str, after: datetime) -> Iterator[datetime]:
    when = WallClock(parse_cron(text), ZoneInfo(zone))
    return (from_us(tick) for tick in ticks_after(when, to_us(after)))


def theirs(text: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The library's, without what it tells of the past: it reads the wall clock only."""
    latest = after
    for found in CronSim(text, after.astimezone(ZoneInfo(zone))):
        if found.astimezone(UTC) > latest:
            yield (latest := found.astimezone(UTC))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("line", LINES)
def test_ten_fires_of_a_line_equal_those_of_the_library(line: str, zone: str) -> None:
    start = datetime(2026, 10, 24, 21, 3, 7, tzinfo=UTC)
    assert list(islice(ours(line, zone, start), 10)) == list(islice(theirs(line, zone, start), 10))


def fields(least: int, most: int, *, star: bool = True) -> st.SearchStrategy[str]:
    number = st.integers(least, most).map(str)
    pair = st.tuples(st.integers(least, most - 1), st.integers(1, most)).map(
        lambda p: (p[0], min(p[0] + p[1], most))
    )
    ranges = pair.map("{0[0]}-{0[1]}".format)
    stepped = st.tuples(ranges, st.integers(1, 5)).map("{0[0]}/{0[1]}".format)
    lists = st.lists(st.one_of(number, ranges), min_size=2, max_size=4).map(",".join)
    starred = [st.just("*"), st.integers(1, most - least + 1).map("*/{}".format)] if star else []
    return st.one_of(number, ranges, stepped, lists, *starred)


days = st.one_of(fields(1, 31), st.just("L"))
weekdays = st.one_of(
    fields(0, 7), st.tuples(st.integers(0, 7), st.integers(1, 5)).map("{0[0]}#{0[1]}".format)
)
starts = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
any_text = st.tuples(fields(0, 59), fields(0, 23), days, fields(1, 12), weekdays).map(" ".join)
#: A time of the day, where the clock that is put forward or back needs a policy.
of_day_text = st.tuples(
    fields(0, 59, star=False), fields(0, 23, star=False), days, fields(1, 12), weekdays
).map(" ".join)


def agree(text: str, zone: str, start: datetime) -> None:
    try:
        parse_cron(text)
    except ValueError:
        assume(False)
    assert list(islice(ours(text, zone, start), 5)) == list(islice(theirs(text, zone, start), 5))


@settings(max_examples=200, deadline=None)
@given(any_text, st.sampled_from(PLAIN_ZONES), starts)
@example("*/7 2 * * *", "Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC))
def test_any_text_fires_as_in_the_library(text: str, zone: str, start: datetime) -> None:
    agree(text, zone, start)


@settings(max_examples=200, deadline=None)
@given(of_day_text, st.sampled_from(ZONES), starts)
@example("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC))
@example("0 0 * * *", "Asia/Beirut", datetime(2026, 3, 28, 12, tzinfo=UTC))
@example("45 1 * * *", "Australia/Lord_Howe", datetime(2026, 4, 4, 0, tzinfo=UTC))
def test_a_time_of_the_day_fires_as_in_the_library_in_every_zone(
    text: str, zone: str, start: datetime
) -> None:
    agree(text, zone, start)


@pytest.mark.parametrize(
    ("text", "zone", "after", "fires"),
    [
        # The clock jumps from 2:00 to 3:00 at 01:00 UTC.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("15,45 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:15"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15", ["2026-03-29T00:30", "2026-03-29T01:00"]),
        # It shows 2:00 to 3:00 twice, from 00:00 and from 01:00 UTC.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45", ["2026-10-26T01:30"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        # Midnight does not exist.
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00", ["2026-03-28T22:00", "2026-03-29T21:00"]),
        # Half an hour: 2:00 is 1:30 again.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
        ("45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:30", ["2026-04-04T14:45", "2026-04-04T15:15"]),
        # At 0:01 it is 23:01 of the day before again.
        (
            *("*/30 * * * *", "America/St_Johns", "2010-11-07T02:15"),
            ["2010-11-07T02:30", "2010-11-07T03:00", "2010-11-07T03:30"],
        ),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
    ],
)
def test_days_of_changed_clocks(text: str, zone: str, after: str, fires: list[str]) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    expected = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in fires]
    assert list(islice(ours(text, zone, start), len(fires))) == expected


def test_a_tick_at_the_very_instant_is_not_after_it() -> None:
    nine = datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert next(ours("0 9 * * *", "UTC", nine)) == nine + timedelta(days=1)
    assert next(ours("0 9 * * *", "UTC", nine - timedelta(microseconds=1))) == nine


def test_the_end_of_the_calendar_is_the_end_of_the_ticks() -> None:
    assert list(ours("0 0 1 1 *", "UTC", datetime(9998, 6, 1, tzinfo=UTC))) == []
