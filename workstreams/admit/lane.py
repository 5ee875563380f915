"""One workstream inside one worker process: its threads, its local queue, when to ask next."""

from __future__ import annotations

import random
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from threading import Event, Semaphore

from workstreams.admit.asking import RETRY
from workstreams.admit.delivery import Delivery
from workstreams.declare.config import Config, Workstream

__all__ = ["POLL", "Lane", "lanes_of"]

#: Seconds after which a sleeper looks again by itself, should every wake-up have been lost.
POLL = 10.0


class Lane:
    """What a process knows of one of its workstreams.

    Only the exchange thread writes ``ask_at`` and ``why``; ``busy`` is guarded by the
    exchange's lock.

    Parameters:
      name: The workstream.
      threads: Jobs that may run here at once.
      read_ahead: This many times as many may wait here besides.
      scarce: Whether its slots are counted over the fleet, so that others wait for each.
      margin: Seconds a start may come after its admission before it counts as late.
    """

    def __init__(
        self, name: str, threads: int, scarce: bool, margin: float | None, read_ahead: int = 0
    ) -> None:
        self.name = name
        self.threads = threads
        self.capacity = threads * (1 + read_ahead)
        self.scarce = scarce
        self.margin = margin
        self.busy = 0
        #: Monotonic seconds at which to ask Redis next; 0 is at once.
        self.ask_at = 0.0
        #: Why the last call gave less than was asked; "" when it gave all.
        self.why = ""
        self._paused = Event()
        # What was read ahead waits here, so that it takes no thread of another workstream.
        self._running = Semaphore(threads) if read_ahead else None
        self._arrived: SimpleQueue[Delivery | None] = SimpleQueue()

    @property
    def idle(self) -> int:
        """How many more jobs may be asked for."""
        return self.capacity - self.busy

    def note(self, why: str, wait: int, now: float) -> None:
        """Note an answer: when to ask again, unless a wake-up that came meanwhile says sooner.

        Parameters:
          why: Why less was given than was asked; "" when all was.
          wait: µs after which to ask, -1 where others or a wake-up will tell.
          now: Monotonic seconds.
        """
        self.why = why
        self.ask_at = min(self.ask_at, now + self._pause(wait))

    def _pause(self, wait: int) -> float:
        if wait >= 0:
            return wait / 1_000_000
        if self.why == "unsettled":
            return RETRY
        return 0.0 if self.why == "" else POLL * random.uniform(0.75, 1.25)

    def put(self, delivery: Delivery) -> None:
        """Hand a delivery to the consumer."""
        self._arrived.put(delivery)

    def nudge(self) -> None:
        """Make a waiting consumer look up."""
        self._arrived.put(None)

    def next(self, timeout: float) -> Delivery | None:
        """The next delivery, or None after *timeout* seconds or a nudge."""
        if self._running is not None and not self._running.acquire(timeout=timeout):
            return None
        try:
            delivery = self._arrived.get(timeout=timeout)
        except Empty:
            delivery = None
        if delivery is None:
            self.leave()
        return delivery

    def leave(self) -> None:
        """A delivery that :meth:`next` returned has ended: its thread is free."""
        if self._running is not None:
            self._running.release()

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


def lanes_of(workstreams: Iterable[Workstream], config: Config, worker_threads: int) -> dict[str, Lane]:
    """The lanes of one process: their threads add up to the worker's, so none takes another's.

    Parameters:
      workstreams: What this process works on.
      config: Tells which limits are counted over the fleet.
      worker_threads: Threads of the Dramatiq worker; fewer than the workstreams ask for
        under Dramatiq's own command, where each keeps at least one.
    """
    wanted = list(workstreams)
    total = sum(one.threads for one in wanted) or 1
    share = min(1.0, worker_threads / total)
    lanes: dict[str, Lane] = {}
    for one in wanted:
        within = [one, *(config.limits[name] for name in one.within)]
        scarce = any(limit.concurrency is not None for limit in within)
        margins = [rate.margin for limit in within for rate in limit.rates]
        margin = min(margins) / 1_000_000 if margins else None
        lanes[one.name] = Lane(one.name, max(1, int(one.threads * share)), scarce, margin, one.read_ahead)
    return lanes
