"""How a worker process exchanges jobs with Redis: what was granted begins here, and its end is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workstreams.admit.courier import Courier
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.lane import Lane
from workstreams.admit.office import Office
from workstreams.admit.reports import Deliver, Reports
from workstreams.admit.work_queue import WorkQueue
from workstreams.store.scripts import Scripts

__all__ = ["Exchange"]

#: Calls that may be under way at once.
COURIERS = 2


class Exchange:
    """A process's exchange with one shard.

    Parameters:
      scripts: Over a client of its own.
      sid: The session whose leases the grants run under.
      worker: How this process is called in events.
      lanes: The workstreams, by name.
      queue: Where the worker's threads take what was granted.
      deliver: Makes deliveries of grants.
      reports: Whom to tell what.
      epoch: The data set's epoch as the session saw it.

    Attributes:
      failed: Whether it has ended by an error.
    """

    def __init__(
        self,
        scripts: Scripts,
        sid: str,
        worker: str,
        lanes: Mapping[str, Lane],
        queue: WorkQueue,
        deliver: Deliver,
        reports: Reports,
        epoch: str = "",
    ) -> None:
        self.lanes = lanes
        self.failed = False
        self._scripts = scripts
        self._queue = queue
        self._deliver = deliver
        self._reports = reports
        self._office = Office(sid, worker, lanes, reports, epoch, self._hand_out)
        self._couriers = [Courier(n, self._office, scripts, self._fail) for n in range(1, COURIERS + 1)]
        queue.open_with(self.open)

    def start(self) -> None:
        """Begin to ask."""
        for courier in self._couriers:
            courier.start()

    def open(self, grant: Grant) -> Delivery | None:
        """Make the delivery of a grant, in the thread that is to run it; None if it cannot run here."""
        made = self._deliver(grant)
        if not isinstance(made, Delivery):
            lane = self.lanes[grant.workstream]
            lane.leave()
            self.finish(lane, made)
            return None
        if made.bound is not None:
            # Redis is told soon of a job that may run longer, or less long, than its workstream says.
            self._office.bound(grant.name, made.bound)
        return made

    def finish(self, lane: Lane, record: dict[str, Any], *, urgent: bool = False) -> None:
        """Note the end of a delivery, and that its thread is free.

        Parameters:
          lane: Where it ran.
          record: The words of the finish.
          urgent: Whether somebody waits for it; else it may linger for 15 ms.
        """
        self._office.finish(lane, record, urgent=urgent)

    def wake(self, workstream: str, wait: float) -> None:
        """Ask for a workstream ("*": for all) in *wait* seconds, or sooner."""
        self._office.wake(workstream, wait)

    def drain(self) -> None:
        """Ask for nothing from now on; what reached no worker thread goes back."""
        self._office.stop_asking()
        left = self._queue.drain()
        for lane in self.lanes.values():
            left += lane.drain()
        for grant in left:
            record = grant.finish("handback", x='{"reason":"the worker stops"}')
            self.finish(self.lanes[grant.workstream], record, urgent=True)

    @property
    def drained(self) -> threading.Event:
        """Set once work is no longer asked for."""
        return self._office.drained

    @property
    def busy(self) -> int:
        """How many deliveries have not ended."""
        return sum(lane.busy for lane in self.lanes.values())

    @property
    def ended(self) -> int:
        """Deliveries whose end Redis knows of."""
        return self._office.ended

    @property
    def untold(self) -> int:
        """How many finishes Redis has not confirmed yet."""
        return self._office.untold

    def close(self, timeout: float) -> bool:
        """Send what is left and end the threads.

        Parameters:
          timeout: Seconds to wait for them.

        Returns:
          Whether everything was told to Redis.
        """
        self._office.shut()
        over = self.join(timeout)
        for courier in self._couriers:
            courier.give_up()
        if over:
            # A broker of Dramatiq's keeps its workers, and so this, for as long as it lives.
            self._scripts.close()
        return over and not self.untold

    def join(self, timeout: float) -> bool:
        """Wait so many seconds until nothing is under way for good; returns whether that is so."""
        deadline = time.monotonic() + timeout
        for courier in self._couriers:
            courier.join(max(0.0, deadline - time.monotonic()))
        return not any(courier.is_alive() for courier in self._couriers)

    def _hand_out(self, given: Mapping[str, Sequence[Grant]]) -> None:
        for name, grants in given.items():
            self.lanes[name].put(grants)
        if given and self.drained.is_set():
            self.drain()

    def _fail(self) -> None:
        """Without a courier the process would hold its leases and do nothing."""
        self.failed = True
        self._office.end()
        self._reports.failed()
