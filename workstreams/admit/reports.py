"""What an exchange is given by whoever put it together: what to make of grants, and whom to tell what."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import redis

from workstreams.admit.delivery import Delivery, Grant

__all__ = ["Deliver", "Reports"]


class Deliver(Protocol):
    """Turns a grant into a delivery, or returns the finish of one that cannot run here."""

    def __call__(self, grant: Grant) -> Delivery | dict[str, Any]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Reports:
    """Whom the exchange tells what it cannot settle itself.

    Attributes:
      refused: Given each finish that came after its lease was lost.
      lost: Called when the session is over and its jobs belong to others; returns whether it
        was opened again, so that work goes on.
      unsettled: Called when Redis has no settings for a workstream, to publish them again.
      trouble: Given the error that begins an outage of Redis, and None at its end.
      gone: Given the name of each lease that Redis does not know though its job runs here.
      failed: Called when the exchange itself ends by an error.
    """

    refused: Callable[[dict[str, Any]], None]
    lost: Callable[[], bool]
    unsettled: Callable[[], None]
    trouble: Callable[[redis.RedisError | None], None]
    gone: Callable[[str], None]
    failed: Callable[[], None]
