"""Starts worker processes, watches over them, and ends them in order.

Its duties:

1. start the processes of each pool, and others in the place of those that end;
2. read their lines, print them and ship them to Redis;
3. renew their leases (on a thread of its own) and hand back what a dead one held;
4. drain on the first signal, end at once on the second.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any

from workstreams.admit.sessions import new_sid
from workstreams.declare.config import Config
from workstreams.log.lines import notice
from workstreams.log.ship import Shipper
from workstreams.supervisor.child import Child
from workstreams.supervisor.ending import ending_of
from workstreams.supervisor.orders import Crew
from workstreams.supervisor.pacing import LONGEST_PAUSE, Pacing
from workstreams.supervisor.renewal import Renewal, Watched
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

__all__ = ["Supervisor"]

#: Seconds between two looks at things that make no noise.
TICK = 0.2

#: Seconds after the grace at which a process that is still there is killed.
AFTER_GRACE = 3.0

#: Seconds that a process whose lease was lost has to say what it had finished.
AFTER_LOSS = 1.5


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
        self._shipper = shipper
        self._show = show
        self._asks = asks
        self._is_over = is_over
        self._children: dict[int, Child] = {}
        self._due: list[tuple[float, Crew]] = []
        self._pacing = Pacing()
        self._to_kill: list[tuple[str, str, frozenset[str]]] = []
        self._select = selectors.DefaultSelector()
        self._stopping_at: float | None = None
        self._retired = False
        self.worked = False
        self.failure = ""
        self._code = EXIT_OK

    # What other threads call.

    def lose(self, sid: str, why: str, guilty: frozenset[str] = frozenset()) -> None:
        """A process must go although it lives.

        Parameters:
          sid: Its session.
          why: What it is ended for.
          guilty: The jobs to blame for that, as the lease names them; its others are not.
        """
        self._to_kill.append((sid, why, guilty))
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
        self._select.register(self._asks.fd, selectors.EVENT_READ, None)
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
        for key, _ in self._select.select(self._pause()):
            if key.data is None:
                self._asks.clear()
            else:
                self._read(key.data)
        self._reap()
        self._obey()

    def _end_all(self) -> None:
        self.stop()
        for child in self._children.values():
            while not child.has_ended():
                self._read(child)
                if time.monotonic() > (self._stopping_at or 0.0):
                    child.kill("its supervisor failed")
                time.sleep(0.02)  # the loop that would wait for their pipes is what failed
            self._renewal.end(child.sid, "its supervisor failed", blame=False)

    def _pause(self) -> float:
        return max(0.0, min([TICK, *(at - time.monotonic() for at, _ in self._due)]))

    def _obey(self) -> None:
        self._end_lost()
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

    def _end_lost(self) -> None:
        to_kill, self._to_kill = self._to_kill, []
        for sid, why, guilty in to_kill:
            for child in self._children.values():
                if child.sid == sid:
                    child.guilty |= guilty
                    child.lose(why)
        for child in self._children.values():
            if child.lost_at is not None and time.monotonic() > child.lost_at + AFTER_LOSS:
                child.kill(child.kill_reason)

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
            self._say("worker_not_started", "error", pool=crew.pool, why=str(error))
            self._due.append((time.monotonic() + LONGEST_PAUSE, crew))
            return
        self._children[child.pid] = child
        self._select.register(child.log_fd, selectors.EVENT_READ, child)
        self._select.register(child.output_fd, selectors.EVENT_READ, child)

    # Reading.

    def _read(self, child: Child) -> None:
        frames, ended = child.read_frames()
        if ended:
            self._forget(child.log_fd)
        for frame in frames:
            if frame["k"] == "line":
                self._shipper.put(frame["ws"], frame["j"], frame["o"])
                self._show(frame["o"])
            elif frame["k"] == "status":
                self._hear(child, frame)
        texts, ended = child.read_output()
        if ended:
            self._forget(child.output_fd)
        for text in texts:
            self._say("output", worker=child.name, text=text[:8_000])

    def _forget(self, fd: int) -> None:
        """A pipe at its end is always readable: looking at it would never sleep again."""
        with contextlib.suppress(KeyError):
            self._select.unregister(fd)

    def _hear(self, child: Child, status: Mapping[str, Any]) -> None:
        child.hear(status)
        if status.get("state") == "ready":
            self.worked = True
            self._renewal.watch(Watched(child.sid, child.pid))
            self._say("worker_started", worker=child.name, pool=child.spec.pool)
            if self._stopping_at is not None:
                child.tell(RETIRE if self._stopping_at == math.inf else DRAIN)

    # Ends.

    def _reap(self) -> None:
        for child in [one for one in self._children.values() if one.has_ended()]:
            self._read(child)
            for fd in (child.log_fd, child.output_fd):
                self._forget(fd)
            child.close()
            del self._children[child.pid]
            self._bury(child)

    def _bury(self, child: Child) -> None:
        code = child.process.returncode
        end = ending_of(child, code)
        self._renewal.end(child.sid, end.why, blame=end.blame, guilty=child.guilty)
        if self._cannot_start(child, code):
            # Nothing has ever worked: starting again would only say the same for ever.
            self.failure, self._code = child.failed or _NO_REASON, EXIT_CONFIG
            self.stop()
            return
        if end.orderly:
            self._say("worker_stopped", worker=child.name, code=code)
        else:
            self._say("worker_died", "error", worker=child.name, why=child.failed or end.why)
        if self._stopping_at is None:
            self._replace(child)
        elif code not in (EXIT_OK, EXIT_REPLACE):
            self._code = self._code or EXIT_KILLED

    def _cannot_start(self, child: Child, code: int) -> bool:
        if self.worked:
            return False
        # A job that ends its process with this code is nothing that the config is to blame for.
        return child.failed_code == EXIT_CONFIG or (code == EXIT_CONFIG and not child.opening)

    def _replace(self, child: Child) -> None:
        crew = next(one for one in self._crews if one.pool == child.spec.pool)
        recycled = child.process.returncode == EXIT_REPLACE and child.leaving
        pause = self._pacing.pause_after(crew.pool, time.monotonic() - child.began, orderly=recycled)
        self._due.append((time.monotonic() + pause, crew))

    def _say(self, event: str, level: str = "info", **fields: Any) -> None:
        line = notice(event, {"app": self._config.app, **fields}) | {"level": level}
        self._shipper.put("", None, line)
        self._show(line)
