"""A worker process between its boot and its end: it obeys its supervisor, and watches its own threads."""

from __future__ import annotations

import math
import os
import select
import threading
import time

from dramatiq import Worker

from workstreams.admit.admission import Admitted
from workstreams.log.lines import notice
from workstreams.log.pipe import PipeWriter
from workstreams.supervisor.spec import (
    DRAIN,
    EXIT_KILLED,
    EXIT_OK,
    EXIT_REPLACE,
    LOST,
    ORPHAN_END,
    OVERDUE,
    RETIRE,
    ChildSpec,
)
from workstreams.supervisor.statuses import DRAINING, LEAVING, LEFT_BEHIND, tell
from workstreams.supervisor.wear import Wear

__all__ = ["Serving"]

#: Seconds between two looks at the threads while it works, and while it drains.
TICK, DRAIN_TICK = 0.25, 0.01

#: Seconds that what it says last may wait for room in the pipe.
LAST_WORDS = 1.0

#: Seconds that ends may take to reach Redis when there is no more time.
LAST_CALL = 1.0


class Serving:
    """One worker process at work.

    Parameters:
      spec: Its orders.
      pipe: The way to its supervisor.
      worker: Dramatiq's worker, which was started.
      admitted: What that has open.
      wear: Whether the process is to be replaced.
      identity: Fields of its own lines.
    """

    def __init__(
        self,
        spec: ChildSpec,
        pipe: PipeWriter,
        worker: Worker,
        admitted: Admitted,
        wear: Wear,
        identity: dict[str, str],
    ) -> None:
        self._spec = spec
        self._pipe = pipe
        self._worker = worker
        self._admitted = admitted
        self._wear = wear
        self._identity = identity
        self._code = EXIT_OK
        #: Monotonic seconds at which it ends whatever runs; None while it works.
        self._deadline: float | None = None
        #: Jobs past their hard bound: nobody waits for them.
        self._stuck = 0
        self._lost = False
        self._orphan = False

    def run(self) -> int:
        """Work until somebody or something says that it is over.

        Returns:
          The exit code.
        """
        while self._deadline is None and not self._is_lost():
            if not self._listen(TICK):
                self._look()
        while not self._is_lost() and self._unfinished() and time.monotonic() < (self._deadline or 0.0):
            self._listen(DRAIN_TICK)
        return self._be_left_behind() if self._is_lost() else self._leave()

    # What it is told.

    def _listen(self, seconds: float) -> bool:
        """Obey what the supervisor says within so many seconds; whether it said anything."""
        if self._orphan:
            time.sleep(seconds)  # nobody is there who could say anything
            return False
        ready, _, _ = select.select([self._spec.control_fd], [], [], seconds)
        if ready:
            self._obey(os.read(self._spec.control_fd, 1))
        return bool(ready)

    def _obey(self, told: bytes) -> None:
        if told == LOST:
            self._lose()
        elif told == DRAIN:
            self._drain(self._spec.grace, EXIT_OK)
        elif told == RETIRE:
            # What runs may take its time: a change of its code must not cost a job its run.
            self._drain(math.inf, EXIT_OK)
        elif told == OVERDUE:
            self._stuck += 1
            self._drain(self._spec.overdue_grace, EXIT_REPLACE)
        else:
            self._be_orphaned()

    def _lose(self) -> None:
        # Nothing more is asked for, and what ended here is refused and said to be.
        self._admitted.exchange.drain()
        self._admitted.lost.wait(1.0)
        self._lost = True

    def _be_orphaned(self) -> None:
        """The supervisor is gone: nobody renews the lease any longer."""
        self._orphan = True
        _print_to_nobody()
        # Whatever holds its own end up, it must not outlive its lease.
        last = threading.Timer(self._spec.orphan_grace + ORPHAN_END / 2, os._exit, (EXIT_KILLED,))
        last.daemon = True
        last.start()
        self._drain(self._spec.orphan_grace, EXIT_OK)

    # What it sees by itself.

    def _look(self) -> None:
        if self._dead():
            self._pipe.line(
                notice("thread_lost", {**self._identity, "hint": "the process is replaced"}),
            )
            self._drain(self._spec.grace, EXIT_REPLACE)
        elif self._wear.is_reached(self._admitted.exchange.ended):
            # What runs may take its time: a recycling must not cost a job its run.
            self._drain(math.inf, EXIT_REPLACE)

    def _dead(self) -> int:
        return sum(not thread.is_alive() for thread in self._worker.workers)

    def _is_lost(self) -> bool:
        return self._lost or self._admitted.lost.is_set()

    # The end.

    def _drain(self, grace: float, code: int) -> None:
        """Ask for no more work, and end in so many seconds; what is to be sooner counts."""
        until = time.monotonic() + grace
        if self._deadline is None:
            self._admitted.exchange.drain()
            self._pipe.status({"state": DRAINING})
            self._deadline, self._code = until, code
        else:
            self._deadline, self._code = min(self._deadline, until), min(self._code, code)

    def _unfinished(self) -> bool:
        """Whether something runs, or something that ran is not told to Redis yet, which may be away."""
        exchange = self._admitted.exchange
        return exchange.busy > self._dead() + self._stuck or exchange.untold > 0

    def _be_left_behind(self) -> int:
        """Its jobs run elsewhere: nothing that still runs here may be recorded."""
        # An error counts against what the exchange carried, or the next process would meet it again.
        if self._admitted.exchange.failed:
            return EXIT_KILLED
        self._announce(LEFT_BEHIND)
        return EXIT_REPLACE

    def _leave(self) -> int:
        exchange = self._admitted.exchange
        if exchange.busy or exchange.untold:
            # Threads cannot be ended. What is done so far is told; what runs is the
            # supervisor's to hand back, once this process is gone.
            told = exchange.close(LAST_CALL)
            self._announce(LEAVING)
            return self._code or EXIT_KILLED if told else EXIT_KILLED
        # Before the session is given up: a renewal must not take that for a loss.
        self._announce(LEAVING)
        self._worker.stop(timeout=2_000)
        return EXIT_KILLED if exchange.untold else self._code

    def _announce(self, state: str) -> None:
        if not self._orphan:
            tell(self._pipe, LAST_WORDS, state)


def _print_to_nobody() -> None:
    """The supervisor is gone, and with it the other end of stdout: a print must not fail a job."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):
        os.dup2(nobody, fd)
