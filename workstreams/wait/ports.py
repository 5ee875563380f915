"""What the broker is given by later rooms, so that a process that only sends loads none of them."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from dramatiq import Consumer, Middleware

from workstreams.send.order import Order

__all__ = ["Absorbs", "Admission", "Captures"]


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

    def refuse(self, error: Exception) -> None:
        """Something that a finishing job was to send cannot be sent."""
        ...

    def most_retries(self, broker: Any, message: Any) -> int | None:
        """Retries after the first attempt of what was delivered; None for any number."""
        ...

    def register(self, broker: Any) -> None:
        """Tell Redis of the actors here, whom deaths are told to among them; again if it lost them."""
        ...


@runtime_checkable
class Absorbs(Protocol):
    """A middleware of ours that does the work of one of Dramatiq's, which must not run beside it."""

    def absorb(self, other: Middleware) -> bool:
        """Take over the settings of *other*; whether it is not to be added itself."""
        ...
