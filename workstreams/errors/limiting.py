"""Why a limit does not do what it was asked."""

from __future__ import annotations

from workstreams.errors.root import WorkstreamsError
from workstreams.units import format_number

__all__ = ["LimitNotPublished", "LimitTimeout"]


_WAITS = {"concurrency": "all its slots are taken", "rate": "its rate is used up", "paused": "it is paused"}


class LimitNotPublished(WorkstreamsError):
    """A limit (``name``) is declared, but not in Redis yet, so nothing of it can be changed."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f'expected the limit "{name}" in Redis, found nothing of it: start a worker with this config, or '
            "send a job to one of its workstreams, and change it then"
        )


class LimitTimeout(WorkstreamsError, TimeoutError):
    """A limit had no room for a block of code in the time that was given; nothing was taken.

    Attributes:
      limit: The limit that had none: the one that was asked for, or one that it is within.
      why: concurrency, rate or paused.
      retry_after: Seconds after which a rate has room, for a ``Retry-After`` header; None if nobody knows.
    """

    def __init__(self, limit: str, why: str, retry_after: float | None, asked: str, waited: str) -> None:
        self.limit, self.why, self.retry_after = limit, why, retry_after
        found = _WAITS.get(why, why)
        when = "" if retry_after is None else f" for another {format_number(retry_after, 3)} s"
        super().__init__(
            f'expected room under "{asked}" within {waited}, found none by the {why} of "{limit}" '
            f"({found}{when}): wait longer, or raise the limit"
        )
