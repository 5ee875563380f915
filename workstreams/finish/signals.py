"""What a job raises to say how it ends, other than by failing."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Self

from dramatiq import RateLimitExceeded

from workstreams.run.retry_after import retry_after as asked_by
from workstreams.units import parse_duration

__all__ = ["DEFAULT_WAIT", "KEY", "WORKSTREAM", "Discard", "RateLimited"]

#: What a refusal may be about, beside a limit by its name.
WORKSTREAM: Final = "workstream"
KEY: Final = "key"

#: How long a refusal lasts that does not say.
DEFAULT_WAIT: Final = "1s"


class RateLimited(RateLimitExceeded):
    """The upstream refused: the job waits in its place and spends no attempt.

    So does everything else that the refusal is about: the whole workstream, the job's key, or all
    workstreams within a shared limit.

    Parameters:
      message: For the log.
      retry_after: How long: text with a unit ("30s"), a timedelta, or seconds, which is
        what a ``Retry-After`` header holds. None, for an upstream that does not say, is a second.
      scope: What the refusal is about: "workstream", "key" (the job's own; a job without a key
        waits alone), or the name of a limit that holds for the workstream.

    Raises:
      ValueError: When the wait is negative or text without a unit, or the scope is no name.

    Attributes:
      wait: How long, in µs.
      scope: As it was given.
    """

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: str | int | float | timedelta | None = None,
        scope: str = WORKSTREAM,
    ) -> None:
        if not isinstance(scope, str) or not scope:
            raise ValueError(
                f'expected a scope that is "{WORKSTREAM}", "{KEY}" or the name of a limit, found {scope!r}'
            )
        self.wait = _microseconds(DEFAULT_WAIT if retry_after is None else retry_after)
        self.scope = scope
        super().__init__(message or f"rate limited for {self.wait / 1_000_000:g} s")  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    @classmethod
    def from_response(
        cls,
        response: object,
        scope: str = WORKSTREAM,
        *,
        default: str | int | float | timedelta = DEFAULT_WAIT,
    ) -> Self:
        """A refusal that lasts as long as the response's headers ask for.

        Parameters:
          response: Of httpx, requests, aiohttp or urllib, or the headers themselves: see
            :func:`workstreams.retry_after`.
          scope: What it is about: "workstream", "key" or the name of a limit.
          default: How long, where no header says it.

        Raises:
          TypeError: When the response has no headers.
        """
        wait = asked_by(response)
        return cls(retry_after=default if wait is None else wait, scope=scope)


class Discard(Exception):
    """The job is of no use any longer: it ends as discarded, is not retried and is no failure."""


def _microseconds(wait: str | int | float | timedelta) -> int:
    if isinstance(wait, str):
        return parse_duration(wait)
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if not 0 <= seconds < 366 * 86400:
        raise ValueError(f"expected retry_after between 0 and 366 days, found {wait!r}")
    return round(seconds * 1_000_000)
