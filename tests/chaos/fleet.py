"""The processes under fire: hosts with their workers, and schedulers, started again when they end."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.chaos.history import FaultLog

__all__ = ["Fleet", "Place"]

#: Seconds after which what ended is started again, as a service manager would.
PAUSE = 0.5

WORKER = "workstreams.supervisor.process"


@dataclasses.dataclass(slots=True)
class Place:
    """A place where one process is kept running.

    Attributes:
      name: ``host-0``, ``scheduler-1``, ….
      command: What runs there, as words of ``workstreams``.
      process: The process, once it was started.
      killed: Whether its end was ours.
      due: Monotonic seconds at which it is started again.
    """

    name: str
    command: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    killed: bool = False
    due: float = 0.0

    @property
    def pid(self) -> int:
        """The process id; 0 while nothing runs."""
        return self.process.pid if self.process is not None else 0

    def workers(self) -> list[int]:
        """The worker processes that it has now."""
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.pid).children() if self.pid else []
            return [child.pid for child in children if _is_worker(child)]
        return []


def _is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE and WORKER in process.cmdline()
    return False


class Fleet:
    """All places of a session.

    Parameters:
      folder: Where the processes run and what they print is kept.
      environ: Their environment.
      log: Told of ends that were not ours.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], log: FaultLog) -> None:
        self._folder, self._environ, self._log = folder, environ, log
        self.hosts: list[Place] = []
        self.schedulers: list[Place] = []

    def open(self, hosts: int, schedulers: int) -> None:
        """Make the places, and start a process in each."""
        self.hosts = [Place(f"host-{n}", ("worker",)) for n in range(hosts)]
        self.schedulers = [Place(f"scheduler-{n}", ("scheduler",)) for n in range(schedulers)]
        self.keep()

    @property
    def places(self) -> list[Place]:
        """All of them."""
        return self.hosts + self.schedulers

    def keep(self) -> None:
        """Start again whatever ended; to be called every now and then."""
        for place in self.places:
            if place.process is not None and place.process.poll() is not None:
                self._log.write(
                    "ended", [place.pid], place=place.name, code=place.process.returncode, ours=place.killed
                )
                place.process, place.due = None, time.monotonic() + PAUSE
            if place.process is None and time.monotonic() >= place.due:
                self._start(place)

    def _start(self, place: Place) -> None:
        with (self._folder / f"{place.name}.out").open("ab") as output:
            place.process = subprocess.Popen(
                [sys.executable, "-m", "workstreams.cli.main", *place.command],
                cwd=self._folder,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        place.killed = False
        self._log.write("started", [place.pid], place=place.name)

    def stop(self, places: list[Place], patience: float) -> None:
        """Ask these for an orderly end, and wait for it."""
        for place in places:
            if place.process is not None:
                place.process.terminate()
        deadline = time.monotonic() + patience
        for place in places:
            if place.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    place.process.wait(max(0.1, deadline - time.monotonic()))
                self._log.write("stopped", [place.pid], place=place.name, code=place.process.poll())
