from __future__ import annotations

import random

import pytest

from workstreams.demo.arrivals import Arrivals, Counts

SECOND = 1_000_000_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def most_in_a_second(times: list[int]) -> int:
    return max(sum(1 for other in times if time - SECOND < other <= time) for time in times)


def test_the_arrival_above_the_limit_is_refused_and_told_how_long_to_wait() -> None:
    clock = Clock()
    arrivals = Arrivals(2, clock)
    assert [arrivals.arrive(), arrivals.arrive()] == [0, 0]
    clock.now += SECOND // 4
    assert arrivals.arrive() == SECOND * 3 // 4


def test_the_wait_it_tells_is_neither_too_short_nor_too_long() -> None:
    clock = Clock()
    arrivals = Arrivals(1, clock)
    arrivals.arrive()
    clock.now += 1
    wait = arrivals.arrive()
    clock.now += wait - 1
    assert arrivals.arrive() == 1
    clock.now += 1
    assert arrivals.arrive() == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_window_wherever_it_begins_holds_more_than_is_allowed(seed: int) -> None:
    chance, clock = random.Random(seed), Clock()
    arrivals, accepted, seen, worst = Arrivals(20, clock), list[int](), list[int](), 0
    for _ in range(600):
        clock.now += chance.choice((0, 1, 10_000_000, 40_000_000, 90_000_000))
        seen.append(clock.now)
        if arrivals.arrive() == 0:
            accepted.append(clock.now)
        worst = max(worst, sum(1 for time in seen if time > clock.now - SECOND))
    assert most_in_a_second(accepted) == 20
    counts = arrivals.counts()
    assert (counts.arrived, counts.refused) == (600, 600 - len(accepted))
    assert counts.worst_second == worst > 20


def test_a_quiet_second_is_counted_as_none_and_the_worst_one_is_remembered() -> None:
    clock = Clock()
    arrivals = Arrivals(3, clock)
    arrivals.arrive()
    arrivals.arrive()
    clock.now += SECOND - 1
    assert arrivals.counts().last_second == 2
    clock.now += 1
    assert arrivals.counts() == Counts(allowed=3, arrived=2, refused=0, last_second=0, worst_second=2)
