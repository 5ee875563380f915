"""Durations, sizes and rates as people write them, held as integers.

Times inside workstreams are integer microseconds, because Redis's ``TIME`` is, and
because a double, which is what Lua has, holds them exactly until the year 2255.
"""

from __future__ import annotations

import dataclasses
import re

__all__ = [
    "LONGEST_KEY",
    "Rate",
    "format_duration",
    "format_number",
    "format_size",
    "parse_duration",
    "parse_rate",
    "parse_size",
]

#: Characters of the longest key of a job. It names a tenant, and stands in the names of a dozen keys in
#: Redis, in every event and in tables.
LONGEST_KEY = 256

_MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

# Digits are ASCII and few: Python would read those of any script, and refuses thousands in words of its own.
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(us|ms|s|m|h|d)")
_RATE = re.compile(r"([0-9]{1,15}) ?/ ?([0-9]{1,15})?(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)")

#: No window is longer: the log of a rate is kept for a whole window.
MAX_DURATION = 366 * _MICROSECONDS["d"]

#: Microseconds are the unit of time, so a larger rate could not be spaced out.
MAX_PERMITS = 1_000_000_000


def parse_duration(text: str) -> int:
    """Read ``250ms``, ``30s``, ``1.5h`` or ``7d``.

    A bare number is refused: Dramatiq's are milliseconds and other people's are seconds.

    Parameters:
      text: The duration with its unit: us, ms, s, m, h or d.

    Returns:
      Microseconds.

    Raises:
      ValueError: When there is no unit, an unknown one, or more than a year.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("a duration with its unit, such as 250ms, 30s, 5m, 2h or 7d")
    microseconds = round(float(match[1]) * _MICROSECONDS[match[2]])
    if microseconds > MAX_DURATION:
        raise ValueError("a duration of at most 366d")
    return microseconds


def format_duration(microseconds: int) -> str:
    """Write a duration in its largest whole unit, so that it reads back the same."""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if microseconds and microseconds % _MICROSECONDS[unit] == 0:
            return f"{microseconds // _MICROSECONDS[unit]}{unit}"
    return "0s"


def format_number(number: float, places: int = 9) -> str:
    """Write a number with all its digits, and without the exponent that ``:g`` gives to seven of them.

    Parameters:
      number: A finite one.
      places: Decimal places at most.
    """
    whole, _, rest = f"{number:.{places}f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def parse_size(text: str) -> int:
    """Read ``256KiB`` or ``64MiB``.

    Parameters:
      text: The size with its unit: B, KiB, MiB or GiB.

    Returns:
      Bytes.

    Raises:
      ValueError: When it is not a whole number with one of those units.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a size with its unit, such as 512B, 256KiB, 64MiB or 1GiB")
    return int(match[1]) * _BYTES[match[2]]


def format_size(size: int) -> str:
    """Write bytes in their largest whole unit, so that it reads back the same."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """So many permits in every window of a length.

    Attributes:
      permits: What may be admitted in one window.
      window: Its length in microseconds.
    """

    permits: int
    window: int

    def __str__(self) -> str:
        window = format_duration(self.window)
        one = window[0] == "1" and window[1:].isalpha()
        return f"{self.permits}/{window[1:] if one else window}"


def parse_rate(text: str) -> Rate:
    """Read ``20/s``, ``5/30s``, ``100/m``, ``10000/h`` or ``1/d``.

    Parameters:
      text: Permits, a slash, and a window; the window's number may be left out.

    Returns:
      The rate.

    Raises:
      ValueError: When it is not written like that, or one of its numbers is 0 or too large.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a rate such as 20/s, 5/30s, 100/m or 10000/h")
    permits, window = int(match[1]), int(match[2] or 1) * _MICROSECONDS[match[3]]
    if permits == 0:
        raise ValueError("a rate of at least 1 (to stop a workstream, write paused: true)")
    if permits > MAX_PERMITS:
        raise ValueError(f"a rate of at most {MAX_PERMITS} in a window")
    if window == 0 or window > MAX_DURATION:
        raise ValueError("a rate over a window between 1ms and 366d")
    return Rate(permits, window)
