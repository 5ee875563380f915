"""The delivery that runs here, and whether it is sent again while it runs."""

from __future__ import annotations

import dataclasses
from contextvars import ContextVar

from workstreams.admit.delivery import Delivery
from workstreams.send.order import Order

__all__ = ["UnderWay", "enter", "leave", "under_way"]


@dataclasses.dataclass(slots=True)
class UnderWay:
    """One run.

    Attributes:
      delivery: What runs.
      again: The job itself, sent anew by its actor or a middleware; a second copy of it cannot
        wait while it runs, so it is to wait again when it ends.
    """

    delivery: Delivery
    again: Order | None = None


_under_way: ContextVar[UnderWay | None] = ContextVar("workstreams_under_way", default=None)


def enter(delivery: Delivery) -> None:
    """A run begins in this thread; a coroutine that it starts belongs to it."""
    _under_way.set(UnderWay(delivery))


def leave() -> None:
    """The run has ended."""
    _under_way.set(None)


def under_way() -> UnderWay | None:
    """The run that this belongs to."""
    return _under_way.get()
