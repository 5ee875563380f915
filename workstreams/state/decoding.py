"""Reads what Redis holds without trusting it: another program may have written there."""

from __future__ import annotations

from workstreams.log.lines import stamp

__all__ = ["moment", "stamp_or_none", "text", "whole"]

#: µs since 1970 in the year 6536; what is later is no time, and no calendar holds it.
_LATEST = 2**57


def text(value: bytes | None) -> str:
    """Bytes as text, "" for none; what is no UTF-8 is replaced."""
    return "" if value is None else value.decode("utf-8", "replace")


def whole(value: bytes | str | None) -> int | None:
    """A whole number of at most 18 digits, or None where there is none."""
    found = value if isinstance(value, str) else text(value)
    return int(found) if found.isascii() and found.isdigit() and len(found) <= 18 else None


def moment(value: bytes | str | None) -> int | None:
    """µs since 1970, or None where there is no time."""
    found = whole(value)
    return found if found is not None and 0 < found <= _LATEST else None


def stamp_or_none(microseconds: int | None) -> str | None:
    """µs since 1970 as ISO 8601 in UTC; None stays None."""
    return None if microseconds is None else stamp(microseconds)
