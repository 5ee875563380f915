"""What a job raises to say how it ends, other than by failing."""

from __future__ import annotations

from datetime import timedelta

from dramatiq import RateLimitExceeded

from workstreams.units import parse_duration

__all__ = ["Discard", "RateLimited"]


class RateLimited(RateLimitExceeded):
    """The upstream refused: the job waits in its place and spends no attempt.

    Parameters:
      message: For the log.
      retry_after: How long: text with a unit ("30s"), a timedelta, or seconds, which is
        what a ``Retry-After`` header holds.

    Raises:
      ValueError: When the wait is negative or text without a unit.
    """

    def __init__(self, message: str = "", *, retry_after: str | int | float | timedelta = "1s") -> None:
        self.wait = _microseconds(retry_after)
        super().__init__(message or f"rate limited for {self.wait / 1_000_000:g} s")  # type: ignore[no-untyped-call]  # Dramatiq's is untyped


class Discard(Exception):
    """The job is of no use any longer: it ends as discarded, is not retried and is no failure."""


def _microseconds(wait: str | int | float | timedelta) -> int:
    if isinstance(wait, str):
        return parse_duration(wait)
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if not 0 <= seconds < 366 * 86400:
        raise ValueError(f"expected retry_after between 0 and 366 days, found {wait!r}")
    return round(seconds * 1_000_000)
