from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from workstreams.declare.config.schedule import Schedule
from workstreams.schedule.when import Every, Span, described, next_fires, span_of, ticks_after, when_of

SECOND = 1_000_000


def schedule(**fields: Any) -> Schedule:
    return Schedule.model_validate({"actor": "act", **fields})


def test_an_interval_ticks_at_its_multiples_since_1970() -> None:
    assert list(islice(ticks_after(Every(30 * SECOND), 31 * SECOND), 3)) == [
        60 * SECOND,
        90 * SECOND,
        120 * SECOND,
    ]
    assert Every(30 * SECOND).after(60 * SECOND) == 90 * SECOND


def test_the_next_fires_are_utc_times_after_the_given_one() -> None:
    found = next_fires(
        schedule(cron="0 3 * * *", timezone="Europe/Berlin"), datetime(2026, 7, 1, 1, tzinfo=UTC), 2
    )
    assert found == [datetime(2026, 7, 2, 1, tzinfo=UTC), datetime(2026, 7, 3, 1, tzinfo=UTC)]


@pytest.mark.parametrize("fields", [{"every": "7s"}, {"cron": "*/3 * * * *"}])
def test_a_span_counts_what_the_ticks_are_one_by_one(fields: dict[str, str]) -> None:
    when = when_of(schedule(**fields))
    after, until = 1_700_000_000 * SECOND, 1_700_003_600 * SECOND
    ticks = list(ticks_after(when, after, until))
    assert span_of(when, after, until) == Span(len(ticks), ticks[0], ticks[-1])
    assert span_of(when, ticks[-2], ticks[-1]) == Span(1, ticks[-1], ticks[-1])
    assert span_of(when, ticks[-2], ticks[-1] - 1) is None


def test_years_of_an_interval_are_counted_without_going_through_them() -> None:
    assert span_of(Every(SECOND), 0, 50 * 366 * 86_400 * SECOND) == Span(
        50 * 366 * 86_400, SECOND, 50 * 366 * 86_400 * SECOND
    )


def test_a_schedule_is_described_by_its_text_and_its_zone() -> None:
    assert described(schedule(cron="@daily", timezone="Asia/Tokyo")) == "@daily Asia/Tokyo"
    assert described(schedule(every="90s")) == "every 90s"
