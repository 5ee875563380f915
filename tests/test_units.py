"""Durations, sizes and rates are read as people write them, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstreams.units import (
    MAX_DURATION,
    MAX_PERMITS,
    Rate,
    format_duration,
    format_number,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1us", 1),
        ("250ms", 250_000),
        ("30s", 30 * SECOND),
        ("5m", 300 * SECOND),
        ("2h", 7_200 * SECOND),
        ("7d", 604_800 * SECOND),
        ("1.5h", 5_400 * SECOND),
        ("0s", 0),
        (" 3s ", 3 * SECOND),
        ("366d", MAX_DURATION),
    ],
)
def test_a_duration_is_its_number_times_its_unit(text: str, microseconds: int) -> None:
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize(
    "text",
    ["30", "", "s", "-1s", "1 s", "1S", "1.s", ".5s", "1min", "1h30m", "1e3s", "٣s", "367d", "9" * 400 + "s"],
)
def test_anything_but_a_number_with_a_unit_is_refused_as_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a duration "):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=MAX_DURATION))
def test_a_duration_reads_back_as_it_was_written(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds)) == microseconds


@pytest.mark.parametrize("parse", [parse_duration, parse_size, parse_rate])
@given(text=st.text())
def test_no_text_makes_a_parser_raise_anything_but_our_own_words(
    parse: Callable[[str], object], text: str
) -> None:
    try:
        parse(text)
    except ValueError as error:
        found = str(error)
    else:
        found = "a value"
    assert found.startswith("a ")


def test_a_duration_is_written_in_its_largest_whole_unit() -> None:
    assert [format_duration(n) for n in (0, 1, 1_500, 90 * SECOND, 3_600 * SECOND, 48 * 3_600 * SECOND)] == [
        "0s",
        "1us",
        "1500us",
        "90s",
        "1h",
        "2d",
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("512B", 512), ("256KiB", 262_144), ("64MiB", 67_108_864), ("1GiB", 2**30)]
)
def test_a_size_is_its_number_times_its_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["256", "1KB", "1.5MiB", "-1B", "1 GiB", "٣B", "9" * 5_000 + "B"])
def test_anything_but_a_whole_number_with_a_unit_is_refused_as_a_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a size with its unit"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=2**40))
def test_a_size_reads_back_as_it_was_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/s", Rate(20, SECOND)),
        ("5/30s", Rate(5, 30 * SECOND)),
        ("100/m", Rate(100, 60 * SECOND)),
        ("10000/h", Rate(10_000, 3_600 * SECOND)),
        ("1/d", Rate(1, 86_400 * SECOND)),
        ("3/500ms", Rate(3, 500_000)),
        ("20 / s", Rate(20, SECOND)),
    ],
)
def test_a_rate_is_its_permits_over_its_window(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["20", "20/", "/s", "20/x", "1.5/s", "-1/s", "2 0/s", "20/s/s", "٣/s", "9" * 5_000 + "/s"]
)
def test_anything_but_permits_over_a_window_is_refused_as_a_rate(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a rate such as"):
        parse_rate(text)


def test_a_rate_of_nothing_is_refused_with_the_way_to_stop_a_workstream() -> None:
    with pytest.raises(ValueError, match="paused: true"):
        parse_rate("0/s")


@pytest.mark.parametrize("text", ["1/0s", "1/367d", f"{MAX_PERMITS + 1}/d"])
def test_a_rate_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a rate (over a window between|of at most)"):
        parse_rate(text)


@given(
    st.integers(min_value=1, max_value=MAX_PERMITS),
    st.integers(min_value=1, max_value=366),
    st.sampled_from([1_000, SECOND, 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND]),
)
def test_a_rate_reads_back_as_it_was_written(permits: int, number: int, unit: int) -> None:
    rate = Rate(permits, number * unit)
    assert parse_rate(str(rate)) == rate


def test_a_window_of_one_unit_is_written_without_its_number() -> None:
    assert [str(parse_rate(text)) for text in ("20/1s", "20/10s", "20/1000ms", "20/24h")] == [
        "20/s",
        "20/10s",
        "20/s",
        "20/d",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (10.0, "10"),
        (1_234_567.25, "1234567.25"),
        (0.7, "0.7"),
        (1e-7, "0.0000001"),
        (2e9, "2000000000"),
    ],
)
def test_a_number_is_written_with_all_its_digits_and_no_exponent(number: float, text: str) -> None:
    assert format_number(number) == text


def test_a_number_is_written_with_no_more_places_than_are_wanted() -> None:
    assert [format_number(2 / 3, 3), format_number(99.9999, 3)] == ["0.667", "100"]
