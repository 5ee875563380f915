"""One workstream inside one worker process: its threads, its local queue, when to ask next."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Event

from workstreams.admit.delivery import Delivery

__all__ = ["Lane"]


class Lane:
    """What a process knows of one of its workstreams.

    Only the exchange thread writes ``ask_at`` and ``why``; ``busy`` is guarded by the
    exchange's lock.

    Parameters:
      name: The workstream.
      threads: Jobs that may run here at once.
      scarce: Whether its slots are counted over the fleet, so that others wait for each.
      margin: Seconds a start may come after its admission before it counts as late.
    """

    def __init__(self, name: str, threads: int, scarce: bool, margin: float | None) -> None:
        self.name = name
        self.threads = threads
        self.scarce = scarce
        self.margin = margin
        self.busy = 0
        #: Monotonic seconds at which to ask Redis next; 0 is at once.
        self.ask_at = 0.0
        #: Why the last call gave less than was asked; "" when it gave all.
        self.why = ""
        self._paused = Event()
        self._arrived: SimpleQueue[Delivery | None] = SimpleQueue()

    @property
    def idle(self) -> int:
        """How many more jobs may be asked for."""
        return self.threads - self.busy

    def put(self, delivery: Delivery) -> None:
        """Hand a delivery to the consumer."""
        self._arrived.put(delivery)

    def nudge(self) -> None:
        """Make a waiting consumer look up."""
        self._arrived.put(None)

    def next(self, timeout: float) -> Delivery | None:
        """The next delivery, or None after *timeout* seconds or a nudge."""
        try:
            return self._arrived.get(timeout=timeout)
        except Empty:
            return None

    def pause(self, seconds: float) -> None:
        """Wait without taking anything."""
        self._paused.wait(seconds)

    def drain(self) -> list[Delivery]:
        """Take everything that no consumer took."""
        left: list[Delivery] = []
        while True:
            try:
                delivery = self._arrived.get_nowait()
            except Empty:
                return left
            if delivery is not None:
                left.append(delivery)
