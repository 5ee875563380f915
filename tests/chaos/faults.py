"""Carries faults out, and notes what was done to whom, and when."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from typing import TypeVar

from tests.chaos.fleet import Fleet, Place
from tests.chaos.history import FaultLog
from tests.chaos.notes import now_us
from tests.chaos.plan import Planned
from tests.chaos.server import Server

__all__ = ["Faults"]

T = TypeVar("T")


class Faults:
    """What can be done to a session.

    Parameters:
      fleet: To its processes.
      server: To Redis.
      log: Where it is noted.
      lease: Seconds: a process that is stopped longer has lost its jobs.
    """

    def __init__(self, fleet: Fleet, server: Server, log: FaultLog, lease: float) -> None:
        self._fleet, self._server, self._log, self._lease = fleet, server, log, lease

    def carry_out(self, planned: Planned) -> None:
        """Do one; returns when it is over."""
        match planned.kind.split("-"):
            case ["kill", target]:
                self._kill(planned, target)

    def _kill(self, planned: Planned, target: str) -> None:
        place = _one_of(self._running(target), planned.choice)
        if place is None:
            return
        workers = place.workers()
        pids = _pids_of(place, workers, target, planned.choice)
        place.killed = place.killed or target != "worker"
        began = now_us()
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        orphans = workers if target == "supervisor" else []
        self._log.write(planned.kind, pids, began, place=place.name, orphans=orphans)

    def _running(self, target: str) -> list[Place]:
        places = self._fleet.schedulers if target == "scheduler" else self._fleet.hosts
        running = [place for place in places if place.process is not None]
        return [place for place in running if place.workers()] if target == "worker" else running


def _pids_of(place: Place, workers: Sequence[int], target: str, choice: float) -> list[int]:
    """Whom it is done to: the supervisor before its workers, or it would see them go."""
    if target == "worker":
        one = _one_of(workers, choice * 7 % 1)
        return [] if one is None else [one]
    return [place.pid, *workers] if target == "host" else [place.pid]


def _one_of(candidates: Sequence[T], choice: float) -> T | None:
    return candidates[int(choice * len(candidates))] if candidates else None


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
