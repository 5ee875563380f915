"""The most of something within any window, and the most of it at once."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Most", "most_at_once", "most_in_any", "over_in_any"]

#: How many there were, and when it was (µs).
Most = tuple[int, int]


def most_in_any(times: Iterable[int], window: int) -> Most:
    """The most of these times within any (t − window, t], and that t; (0, 0) if there are none.

    Parameters:
      times: µs, in any order.
      window: µs.
    """
    ordered, most, first = sorted(times), (0, 0), 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - window:
            first += 1
        most = max(most, (last - first + 1, at), key=lambda one: one[0])
    return most


def over_in_any(times: Iterable[int], window: int, allowed: int) -> int:
    """How many of these times are one too many in the (t − window, t] that ends with them.

    Parameters:
      times: µs, in any order.
      window: µs.
      allowed: How many a window may hold.
    """
    ordered, over, first = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - window:
            first += 1
        over += last - first + 1 > allowed
    return over


def most_at_once(spans: Iterable[tuple[int, int]]) -> Most:
    """The most spans that hold one instant, and that instant.

    A span ends before another one begins at the same µs: its slot is free by then.

    Parameters:
      spans: Begin and end, µs.
    """
    changes = [change for begin, end in spans for change in ((begin, 1), (max(begin, end), -1))]
    now, most = 0, (0, 0)
    for at, change in sorted(changes):
        now += change
        most = max(most, (now, at), key=lambda one: one[0])
    return most
