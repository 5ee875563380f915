"""Counting in windows: half open at their beginning, so that a whole window later is outside."""

from __future__ import annotations

from tests.chaos.windows import most_at_once, most_in_any, over_in_any


def test_nothing_is_most_of_nothing() -> None:
    assert most_in_any([], 10) == (0, 0)
    assert most_at_once([]) == (0, 0)
    assert over_in_any([], 10, 0) == 0


def test_what_is_exactly_a_window_apart_is_not_in_one_window() -> None:
    assert most_in_any([0, 10, 20], 10)[0] == 1
    assert most_in_any([0, 9, 20], 10) == (2, 9)


def test_the_order_does_not_matter() -> None:
    assert most_in_any([30, 3, 1, 2], 10) == (3, 3)


def test_each_one_too_many_is_counted() -> None:
    assert over_in_any([0, 1, 2, 3, 20], 10, 2) == 2
    assert over_in_any([0, 1, 2, 3, 20], 10, 4) == 0


def test_a_span_that_ends_when_another_begins_is_not_beside_it() -> None:
    assert most_at_once([(0, 10), (10, 20)])[0] == 1
    assert most_at_once([(0, 11), (10, 20), (10, 20)]) == (3, 10)
