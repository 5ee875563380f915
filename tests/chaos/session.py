"""One session: everything starts, faults happen, peace returns, what is left drains, all logs are there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.chaos.aftermath import LOOK, Aftermath
from tests.chaos.faults import Faults
from tests.chaos.fleet import Fleet
from tests.chaos.helpers import Helper, Helpers
from tests.chaos.history import FaultLog
from tests.chaos.notes import now_us
from tests.chaos.operators import Operator
from tests.chaos.plan import plan_of
from tests.chaos.project import AFTER, CALLS, MARK, TICKS, Project
from tests.chaos.server import Server
from tests.chaos.settings import Settings

__all__ = ["Session"]

#: Seconds for everything to work at the start, and for the fleet to end.
START, END = 60.0, 20.0


class Session:
    """Runs one session in a folder.

    Parameters:
      folder: Empty; the history is kept in it.
      settings: What to do.
      tell: Called with what happens, for a display: a stage, or the kind of a fault.
    """

    def __init__(
        self, folder: Path, settings: Settings, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder, self._settings, self._tell = folder, settings, tell
        self._project = Project(folder, settings)
        self._log = FaultLog(folder / "faults.log")
        self._server = Server(folder / "redis", settings.fsync)
        self._helpers = Helpers(folder, self._project.environ())

    def run(self) -> None:
        """Run it to its end; the history is complete then, and nothing is left running."""
        self._settings.save(self._folder)
        try:
            self._live()
        finally:
            self._end_all()

    def _live(self) -> None:
        fleet, proxy = self._open()
        aftermath = Aftermath(self._server, self._settings, fleet.keep)
        self._await_workers(aftermath, fleet)
        producer = self._helpers.start("producer", self._folder, self._settings.seed)
        operator = Operator(self._folder, self._server.socket)
        faults = Faults(fleet, self._server, proxy.order, operator, self._log, self._settings.lease)
        try:
            self._under_fire(faults, fleet, lambda: producer.has_ended() and aftermath.is_done(CALLS, AFTER))
        finally:
            faults.end()
        self._log.write("peace")
        peace = now_us()
        self._tell("drain")
        producer.end()
        aftermath.drain(CALLS, AFTER)
        aftermath.await_ticks(peace)
        fleet.stop(fleet.schedulers, END)
        aftermath.drain(TICKS)
        fleet.stop(fleet.hosts, END)
        aftermath.write_down(self._folder)

    def _open(self) -> tuple[Fleet, Helper]:
        """Start Redis, the way there, the server that jobs call, and the fleet."""
        self._tell("start")
        self._server.start()
        proxy = self._helpers.start("proxy", self._server.socket, self._settings.seed)
        self._project.write(int(proxy.answer()))
        receiver = self._helpers.start("receiver", self._folder / "arrivals.log").answer()
        fleet = Fleet(self._folder, self._project.environ(f"127.0.0.1:{receiver}"), self._log)
        fleet.open(self._settings.hosts, self._settings.schedulers)
        return fleet, proxy

    def _under_fire(self, faults: Faults, fleet: Fleet, done: Callable[[], bool]) -> None:
        plan, began = plan_of(self._settings), time.monotonic()
        self._tell("fire")
        while time.monotonic() - began < self._settings.seconds and not done():
            while plan and plan[0].at <= time.monotonic() - began:
                planned = plan.pop(0)
                self._tell(planned.kind)
                faults.carry_out(planned)
            fleet.keep()
            self._server.look()
            time.sleep(LOOK)  # nobody tells of a process that ended

    def _await_workers(self, aftermath: Aftermath, fleet: Fleet) -> None:
        deadline = time.monotonic() + START
        while aftermath.workers() < self._settings.hosts * self._settings.processes:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the workers did not start: see {self._folder}")
            fleet.keep()
            time.sleep(LOOK)  # until the next look

    def _end_all(self) -> None:
        """Nothing that was started is left, orphans included."""
        while sum(self._kill(process) for process in psutil.process_iter()):
            # Whoever was killed may have started another one just before.
            continue
        self._helpers.close()
        self._server.kill()
        self._log.close()

    def _kill(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == self._project.mark:
                process.kill()
                return True
        return False
