"""Microseconds since 1970 and the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["from_us", "iso", "to_us"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """µs since 1970 of a time with a zone."""
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The UTC time of µs since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """A tick as text, such as ``2026-01-31T03:00:00Z``."""
    return from_us(us).replace(tzinfo=None).isoformat() + "Z"
