"""Starts worker processes, watches over them, and ends them in order.

Its duties:

1. start the processes of each pool, and others in the place of those that end;
2. read their lines, print them and ship them to Redis;
3. renew their leases (on a thread of its own) and hand back what a dead one held;
4. drain on the first signal, end at once on the second.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from workstreams.admit.sessions import new_sid
from workstreams.declare.config import Config
from workstreams.log.ship import Shipper
from workstreams.supervisor.child import Child
from workstreams.supervisor.ending import Ending, ending_of
from workstreams.supervisor.oom import OutOfMemory
from workstreams.supervisor.orders import Crew
from workstreams.supervisor.pacing import LONGEST_PAUSE, SOON, Pacing
from workstreams.supervisor.reading import Reading
from workstreams.supervisor.renewal import Ended, Renewal, Watched
from workstreams.supervisor.signals import Asks
from workstreams.supervisor.spec import (
    DRAIN,
    EXIT_CONFIG,
    EXIT_KILLED,
    EXIT_OK,
    EXIT_REPLACE,
    RETIRE,
    ChildSpec,
)
from workstreams.supervisor.statuses import READY

__all__ = ["Supervisor"]

#: Seconds between two looks at things that make no noise.
TICK = 0.2

#: Seconds after the grace at which a process that is still there is killed.
AFTER_GRACE = 3.0


_NO_REASON = "expected a worker process to start, found that it ended without a reason"


class Supervisor:
    """Keeps crews of worker processes.

    Parameters:
      config: The config.
      spec: The orders of every process; pool, workstreams and session are filled in.
      crews: What to keep.
      renewal: Keeps the leases; started by the caller.
      shipper: Brings lines to Redis.
      show: Prints lines.
      asks: What asks for the end.
      is_over: Asked several times a second, and so answers at once; true asks for an orderly stop.
    """

    def __init__(
        self,
        config: Config,
        spec: ChildSpec,
        crews: tuple[Crew, ...],
        renewal: Renewal,
        shipper: Shipper,
        show: Callable[[Mapping[str, Any]], None],
        asks: Asks,
        is_over: Callable[[], bool],
    ) -> None:
        self._config = config
        self._spec = spec
        self._crews = crews
        self._renewal = renewal
        self._asks = asks
        self._is_over = is_over
        self._children: dict[int, Child] = {}
        self._due: list[tuple[float, Crew]] = []
        self._pacing = Pacing()
        self._noted: list[tuple[str, str | None]] = []
        self._out_of_memory = OutOfMemory()
        self._reading = Reading(config.app, shipper, show, asks, self._hear)
        self._stopping_at: float | None = None
        self._retired = False
        self.worked = False
        self.failure = ""
        self._code = EXIT_OK

    # What other threads call.

    def lose(self, sid: str) -> None:
        """A session is over although its process lives."""
        self._note(sid, None)

    def overrun(self, sid: str, job: str) -> None:
        """A job in a session is past its hard bound; it is called as the lease calls it."""
        self._note(sid, job)

    def _note(self, sid: str, job: str | None) -> None:
        self._noted.append((sid, job))
        self._asks.poke()

    def owns(self, worker: str) -> bool:
        """Whether a worker of that name is one of these processes."""
        return any(child.name == worker for child in list(self._children.values()))

    def retire(self) -> None:
        """Start nothing more, and end when what runs has ended, however long that takes."""
        self._retired = True
        self._asks.poke()

    @property
    def is_settled(self) -> bool:
        """Whether none of the processes asks for work any longer, and none will."""
        return self._stopping_at is not None and all(one.draining for one in list(self._children.values()))

    # The loop.

    def run(self) -> int:
        """Keep the crews until a signal, or until nothing is left to do.

        Returns:
          0 after an orderly stop, 1 when something had to be ended, 2 when no process could start.
        """
        now = time.monotonic()
        self._due = [(now, crew) for crew in self._crews for _ in range(crew.processes)]
        try:
            while self._due or self._children:
                self._look()
        except BaseException:
            # Nobody would hand back what runs here: end it in order before this gets out.
            self._end_all()
            raise
        return self._code

    def _look(self) -> None:
        self._start_due()
        self._reading.wait(self._pause())
        self._out_of_memory.look()
        self._reap()
        self._obey()

    def _end_all(self) -> None:
        self.stop()
        for child in self._children.values():
            while not child.has_ended():
                self._reading.read(child)
                if time.monotonic() > (self._stopping_at or 0.0):
                    child.kill("its supervisor failed")
                time.sleep(0.02)  # the loop that would wait for their pipes is what failed
            self._renewal.end(Ended(child.sid, "its supervisor failed", blame=False))

    def _pause(self) -> float:
        return max(0.0, min([TICK, *(at - time.monotonic() for at, _ in self._due)]))

    def _obey(self) -> None:
        self._end_noted()
        if self._asks.count > 1:
            for child in self._children.values():
                child.stopping = True
                child.kill("it was ended at once by a second signal")
        if (self._asks.count or self._is_over()) and self._stopping_at in (None, math.inf):
            self.stop()
        elif self._retired and self._stopping_at is None:
            self._leave(RETIRE, math.inf)
        elif self._stopping_at is not None and time.monotonic() > self._stopping_at:
            for child in self._children.values():
                child.kill("the grace was over")

    def _end_noted(self) -> None:
        noted, self._noted = self._noted, []
        children = {child.sid: child for child in self._children.values()}
        for sid, job in noted:
            if sid in children:
                self._tell(children[sid], job)
        now = time.monotonic()
        for child in children.values():
            if now > child.end_by:
                child.kill(child.kill_reason)

    def _tell(self, child: Child, job: str | None) -> None:
        if job is not None:
            child.overrun(job)
            return
        # Who opens its session, or has given it up, may have said so by now.
        self._reading.read(child)
        if child.ready and not child.leaving:
            child.lose("its lease was lost")

    def stop(self) -> None:
        """Begin an orderly stop."""
        self._leave(DRAIN, time.monotonic() + self._spec.grace + AFTER_GRACE)

    def _leave(self, order: bytes, until: float) -> None:
        self._stopping_at = until
        self._due.clear()
        for child in self._children.values():
            child.tell(order)

    # Starting.

    def _start_due(self) -> None:
        now = time.monotonic()
        ready = [crew for at, crew in self._due if at <= now]
        self._due = [(at, crew) for at, crew in self._due if at > now]
        for crew in ready:
            self._start(crew)

    def _start(self, crew: Crew) -> None:
        spec = dataclasses.replace(self._spec, pool=crew.pool, workstreams=crew.workstreams, sid=new_sid())
        try:
            child = Child(spec, self._config.app)
        except OSError as error:
            # No process or pipe to be had now: the others go on, and this one is tried again.
            self._reading.say("worker_not_started", "error", pool=crew.pool, why=str(error))
            self._due.append((time.monotonic() + LONGEST_PAUSE, crew))
            return
        self._children[child.pid] = child
        # Before it says that it works: whatever else its boot does, jobs may run in it already.
        self._renewal.watch(Watched(child.sid, child.pid))
        self._reading.begin(child)

    # What they say.

    def _hear(self, child: Child, status: Mapping[str, Any]) -> None:
        child.hear(status)
        if status.get("state") == READY:
            self.worked = True
            self._reading.say("worker_started", worker=child.name, pool=child.spec.pool)
            if self._stopping_at is not None:
                child.tell(RETIRE if self._stopping_at == math.inf else DRAIN)

    # Ends.

    def _reap(self) -> None:
        for child in [one for one in self._children.values() if one.has_ended()]:
            self._reading.end(child)
            del self._children[child.pid]
            self._bury(child)

    def _bury(self, child: Child) -> None:
        code = child.process.returncode
        end = ending_of(child, code, out_of_memory=self._out_of_memory.was_lately())
        if child.opening:
            self._renewal.end(Ended(child.sid, end.why, end.blame, child.guilty, child.tails))
        else:
            self._renewal.forget(child.sid)
        if self._cannot_start(child, code):
            # Nothing has ever worked: starting again would only say the same for ever.
            self.failure, self._code = child.failed or _NO_REASON, EXIT_CONFIG
            self.stop()
            return
        if end.orderly:
            self._reading.say("worker_stopped", worker=child.name, code=code)
        else:
            self._reading.say("worker_died", "error", worker=child.name, why=child.failed or end.why)
        if self._stopping_at is None:
            self._replace(child, end)
        elif code not in (EXIT_OK, EXIT_REPLACE):
            self._code = self._code or EXIT_KILLED

    def _cannot_start(self, child: Child, code: int) -> bool:
        if self.worked:
            return False
        # A job that ends its process with this code is nothing that the config is to blame for.
        return child.failed_code == EXIT_CONFIG or (code == EXIT_CONFIG and not child.opening)

    def _replace(self, child: Child, end: Ending) -> None:
        crew = next(one for one in self._crews if one.pool == child.spec.pool)
        recycled = child.process.returncode == EXIT_REPLACE and child.leaving
        lived, longest = time.monotonic() - child.began, SOON if end.passing else LONGEST_PAUSE
        pause = self._pacing.pause_after(crew.pool, lived, orderly=recycled, longest=longest)
        self._due.append((time.monotonic() + pause, crew))
