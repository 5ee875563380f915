"""What the broker is given by later rooms, so that a process that only sends loads none of them."""

from __future__ import annotations

from typing import Protocol

from dramatiq import Consumer

from workstreams.send.order import Order

__all__ = ["Admission", "Captures"]


class Admission(Protocol):
    """Who lets work in; there is one in a process with a worker."""

    def consume(self, queue_name: str, timeout: float) -> Consumer:
        """A consumer of one workstream; *timeout* in seconds."""
        ...


class Captures(Protocol):
    """Who holds back what a finishing job sends, to send it with the finish."""

    def capture(self, order: Order) -> bool:
        """Whether the order was taken and must not be sent now."""
        ...
