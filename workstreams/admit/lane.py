"""One workstream inside one worker process: its threads, what was read ahead, when to ask next."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable, Sequence
from threading import Lock

from workstreams.admit.asking import RETRY
from workstreams.admit.delivery import Grant
from workstreams.admit.work_queue import WorkQueue
from workstreams.declare.config import Config, Limit, Workstream

__all__ = ["POLL", "Lane", "lanes_of"]

#: Seconds after which a sleeper looks again by itself, should every wake-up have been lost.
POLL = 10.0

#: At least so many jobs are asked for in one call, if as many threads are idle: a call costs as much as
#: a few jobs.
LEAST_BATCH = 4


class Lane:
    """What a process knows of one of its workstreams.

    What it knows of calls (``busy``, ``asked``, ``ask_at``, ``why``) is guarded by the office's lock.

    Parameters:
      name: The workstream.
      threads: Jobs that may run here at once.
      scarce: Whether its slots are counted over the fleet, so that others wait for each.
      margin: Seconds a start may come after its admission before it counts as late.
      queue: Where the worker's threads take what begins.
      read_ahead: This many times as many deliveries may wait here besides those that run.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        scarce: bool,
        margin: float | None,
        queue: WorkQueue,
        read_ahead: int = 0,
    ) -> None:
        self.name = name
        self.threads = threads
        self.capacity = threads * (1 + read_ahead)
        # Half of them, so that these run while Redis is asked for the others.
        self._batch = max(LEAST_BATCH, (self.capacity + 1) // 2)
        self.scarce = scarce
        self.margin = margin
        self.busy = 0
        #: Jobs that calls under way ask for.
        self.asked = 0
        #: Monotonic seconds at which to ask Redis next; 0 is at once.
        self.ask_at = 0.0
        #: Why the last call gave less than was asked; "" when it gave all. Before it there may be none.
        self.why = "empty"
        self._queue = queue
        # What was read ahead waits here, so that it takes no thread of another workstream.
        self._ahead: deque[Grant] | None = deque() if read_ahead else None
        self._running = 0
        self._mutex = Lock()

    @property
    def idle(self) -> int:
        """How many more jobs may be asked for."""
        return self.capacity - self.busy - self.asked

    @property
    def has_a_batch(self) -> bool:
        """Whether a whole batch may be asked for, of which Redis had enough when it was asked last."""
        return not self.why and self.idle >= self._batch

    def ask(self) -> int:
        """Ask now; returns for how many jobs."""
        number = min(self.idle, self._batch)
        self.asked += number
        self.ask_at = math.inf
        return number

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

    def put(self, grants: Sequence[Grant]) -> None:
        """Let what was granted begin, or wait here where the workstream's own threads are taken."""
        if self._ahead is not None:
            with self._mutex:
                free = max(0, self.threads - self._running)
                self._ahead.extend(grants[free:])
                grants = grants[:free]
                self._running += len(grants)
        if grants:
            self._queue.put_all(grants)

    def leave(self) -> None:
        """A delivery that began has ended: its thread is free for what was read ahead."""
        if self._ahead is None:
            return
        with self._mutex:
            if not self._ahead:
                self._running -= 1
                return
            following = self._ahead.popleft()
        self._queue.put_next(following)

    def drain(self) -> list[Grant]:
        """Take everything that was read ahead and did not begin."""
        if self._ahead is None:
            return []
        with self._mutex:
            left = list(self._ahead)
            self._ahead.clear()
        return left


def lanes_of(
    workstreams: Iterable[Workstream], config: Config, worker_threads: int, queue: WorkQueue
) -> dict[str, Lane]:
    """The lanes of one process: their threads add up to the worker's, so none takes another's.

    Parameters:
      workstreams: What this process works on.
      config: Tells which limits are counted over the fleet.
      worker_threads: Threads of the Dramatiq worker; fewer than the workstreams ask for
        under Dramatiq's own command, where each keeps at least one.
      queue: Where the worker's threads take what begins.
    """
    wanted = list(workstreams)
    total = sum(one.threads for one in wanted) or 1
    share = min(1.0, worker_threads / total)
    lanes: dict[str, Lane] = {}
    for one in wanted:
        within: list[Limit] = [one, *(config.limits[name] for name in one.within)]
        within += [one.per_key] if one.per_key else []
        scarce = any(limit.concurrency is not None for limit in within)
        margins = [rate.margin for limit in within for rate in limit.rates]
        margin = min(margins) / 1_000_000 if margins else None
        threads = max(1, int(one.threads * share))
        lanes[one.name] = Lane(one.name, threads, scarce, margin, queue, one.read_ahead)
    return lanes
