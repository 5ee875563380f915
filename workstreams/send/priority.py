"""Priorities as head starts: how much earlier, or later, a job counts as having arrived.

A shift in time ages by itself: a low job is overtaken by what arrives in its next ten
minutes, and by nothing after that, so it is late and never starved.
"""

from __future__ import annotations

from types import MappingProxyType

from workstreams.units import parse_duration

__all__ = ["PRIORITIES", "shift_of"]

#: Priority → µs added to a job's arrival time.
PRIORITIES = MappingProxyType(
    {
        "urgent": -parse_duration("1h"),
        "high": -parse_duration("5m"),
        "normal": 0,
        "low": parse_duration("10m"),
    }
)


def shift_of(priority: str) -> int:
    """The head start of a priority in µs.

    Raises:
      ValueError: When there is no such priority.
    """
    try:
        return PRIORITIES[priority]
    except KeyError:
        raise ValueError(f"one of {', '.join(PRIORITIES)}") from None
