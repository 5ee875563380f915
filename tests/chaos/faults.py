"""Carries faults out, and notes what was done to whom, and when."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tests.chaos.fleet import Fleet, Place
from tests.chaos.history import FaultLog
from tests.chaos.notes import now_us
from tests.chaos.operators import Operator
from tests.chaos.plan import Planned
from tests.chaos.server import Server

__all__ = ["Faults"]

T = TypeVar("T")

#: Seconds that Redis is away at least and at most.
AWAY = (0.2, 2.5)

#: The most µs of writes that a loss of power takes along.
UNSAVED = 1_000_000

#: Seconds that a delay, a hanging and a full memory last at least and at most.
SLOW = (0.5, 3.0)

#: Bytes that are used up before anything was sent.
TOO_LITTLE = 1_000_000

#: The share of the connections that it is done to.
SHARE = (0.1, 1.0)

#: Milliseconds by which the proxy delays each way.
DELAY = (20.0, 300.0)

#: Seconds for which an operator pauses.
PAUSE = (0.2, 1.0)

#: The least and the most that a stop lasts, in leases: some are over before the lease is, some are not.
STOP = (0.3, 2.5)


class Faults:
    """What can be done to a session. What takes time goes on beside others, on a thread of its own.

    Parameters:
      fleet: To its processes.
      server: To Redis.
      order: To the way there: gives the proxy an order.
      operator: Whom it may be asked of.
      log: Where it is noted.
      lease: Seconds: a process that is stopped longer has lost its jobs.
    """

    def __init__(
        self,
        fleet: Fleet,
        server: Server,
        order: Callable[[str], None],
        operator: Operator,
        log: FaultLog,
        lease: float,
    ) -> None:
        self._fleet, self._server, self._order, self._log = fleet, server, order, log
        self._operator, self._lease = operator, lease
        self._pool = ThreadPoolExecutor(64, "faults")
        self._under_way: list[Future[None]] = []
        self._peace = threading.Event()
        self._redis, self._paused = threading.Lock(), threading.Lock()

    def carry_out(self, planned: Planned) -> None:
        """Begin one."""
        match planned.kind.split("-"):
            case ["kill", target]:
                self._kill(planned, target)
            case ["stop", target]:
                self._stop(planned, target)
            case ["drain", target]:
                self._drain(planned, target)
            case ["redis" | "power"]:
                self._beside(self._unless, self._redis, self._crash, planned)
            case ["full"]:
                self._beside(self._fill, planned)
            case ["pause"]:
                self._beside(self._unless, self._paused, self._pause, planned)
            case ["cancel"]:
                self._beside(self._cancel, planned)
            case _:
                self._disturb(planned)

    def end(self) -> None:
        """Let everything go on again; returns when nothing is stopped or away any longer.

        Raises:
          RuntimeError: When Redis could not be started again.
        """
        self._peace.set()
        self._pool.shutdown(wait=True)
        self._order("heal")
        # A crash may have brought back what was undone before.
        self._operator.resume()
        self._operator.close()
        for fault in self._under_way:
            fault.result()

    def _beside(self, do: Callable[..., None], *arguments: object) -> None:
        self._under_way.append(self._pool.submit(do, *arguments))

    # Processes.

    def _kill(self, planned: Planned, target: str) -> None:
        chosen = self._choose(target, planned.choice)
        if chosen is None:
            return
        place, pids, workers = chosen
        place.killed = place.killed or target != "worker"
        began = now_us()
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        orphans = workers if target == "supervisor" else []
        self._log.write(planned.kind, pids, began, place=place.name, orphans=orphans)

    def _stop(self, planned: Planned, target: str) -> None:
        chosen = self._choose(target, planned.choice)
        if chosen is None:
            return
        place, pids, workers = chosen
        began = now_us()
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        orphans = workers if target == "supervisor" else []

        def go_on() -> None:
            self._peace.wait(_between(STOP, planned.size) * self._lease)
            for pid in pids:
                _signal(pid, signal.SIGCONT)
            self._log.write(planned.kind, pids, began, place=place.name, orphans=orphans)

        self._beside(go_on)

    def _drain(self, planned: Planned, target: str) -> None:
        chosen = self._choose(target, planned.choice)
        if chosen is not None:
            place, _, _ = chosen
            place.killed = True
            _signal(place.pid, signal.SIGTERM)
            self._log.write(planned.kind, [], place=place.name)

    def _choose(self, target: str, choice: float) -> tuple[Place, list[int], list[int]] | None:
        """Where, to whom, and the workers there; None while there is nobody."""
        places = self._fleet.schedulers if target == "scheduler" else self._fleet.hosts
        running = [(place, place.workers()) for place in places if place.process is not None]
        if target == "worker":
            each = [(place, [worker], workers) for place, workers in running for worker in workers]
            return _one_of(each, choice)
        chosen = _one_of(running, choice)
        if chosen is None:
            return None
        place, workers = chosen
        # A supervisor before its workers, or it would see them go.
        return place, [place.pid, *workers] if target == "host" else [place.pid], workers

    # Redis, and the way there.

    def _unless(self, lock: threading.Lock, do: Callable[[Planned], None], planned: Planned) -> None:
        """Do what cannot be done twice at once; not at all while it is being done."""
        if lock.acquire(blocking=False):
            try:
                do(planned)
            finally:
                lock.release()

    def _crash(self, planned: Planned) -> None:
        began, more = now_us(), {}
        self._server.kill()
        if planned.kind == "power":
            kept = self._server.forget(began - round(UNSAVED * planned.choice))
            more = {} if kept is None else {"kept_until": kept}
        self._peace.wait(_between(AWAY, planned.size))
        self._server.start()
        self._log.write(planned.kind, [], began, **more)

    def _fill(self, planned: Planned) -> None:
        began = now_us()
        self._server.allow_memory(TOO_LITTLE)
        self._peace.wait(_between(SLOW, planned.size))
        self._server.allow_memory(None)
        self._log.write(planned.kind, [], began)

    def _disturb(self, planned: Planned) -> None:
        share, seconds = f"{_between(SHARE, planned.choice):.2f}", _between(SLOW, planned.size)
        order, takes = {
            "cut": (f"cut {share}", 0.0),
            "drop": (f"drop {share}", 0.0),
            "delay": (f"delay {_between(DELAY, planned.choice):.0f} {seconds:.2f}", seconds),
            "hang": (f"hang {share} {seconds:.2f}", seconds),
        }[planned.kind]
        began = now_us()
        self._order(order)

        def pass_by() -> None:
            self._peace.wait(takes)
            self._log.write(planned.kind, [], began, order=order)

        self._beside(pass_by)

    # What operators do.

    def _pause(self, planned: Planned) -> None:
        certain = self._operator.pause()
        began = now_us()
        self._peace.wait(_between(PAUSE, planned.size))
        ended = now_us()
        self._operator.resume()
        self._log.write(planned.kind, [], began, ended, certain=certain)

    def _cancel(self, planned: Planned) -> None:
        began = now_us()
        job, was = self._operator.cancel(planned.choice)
        self._log.write(planned.kind, [], began, job=job, was=was)


def _between(bounds: tuple[float, float], size: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * size


def _one_of(candidates: Sequence[T], choice: float) -> T | None:
    return candidates[int(choice * len(candidates))] if candidates else None


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
