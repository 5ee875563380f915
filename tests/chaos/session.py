"""One session: everything starts, faults happen, peace returns, what is left drains, all logs are there."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import orjson
import psutil
import redis
from redis.client import Pipeline

from tests.chaos.events import collect
from tests.chaos.faults import Faults
from tests.chaos.fleet import Fleet
from tests.chaos.history import FaultLog
from tests.chaos.notes import now_us
from tests.chaos.plan import plan_of
from tests.chaos.project import APP, CALLS, MARK, SCHEDULE, TICKS, Project
from tests.chaos.server import Server
from tests.chaos.settings import Settings
from workstreams.store.keys import Keys

__all__ = ["Session"]

T = TypeVar("T")

#: Seconds for everything to work at the start, and for a helper to end.
START, END = 60.0, 20.0

#: Seconds without a single end after which what is left is lost.
STALL = 45.0

#: µs between two ticks.
SECOND = 1_000_000

#: Seconds between two looks.
LOOK = 0.1


class Session:
    """Runs one session in a folder.

    Parameters:
      folder: Empty; the history is kept in it.
      settings: What to do.
      tell: Called now and then with what happens, for a display.
    """

    def __init__(
        self, folder: Path, settings: Settings, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder, self.settings, self._tell = folder, settings, tell
        self._keys = Keys(APP)
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._project = Project(folder, settings)
        self._server = Server(folder / "redis", settings.fsync)
        self._log = FaultLog(folder / "faults.log")

    def run(self) -> None:
        """Run it to its end; the history is complete then."""
        self.settings.save(self.folder)
        try:
            self._live()
        finally:
            self._end_all()

    def _live(self) -> None:
        self._server.start()
        proxy = self._helper("proxy", str(self._server.socket), str(self.settings.seed))
        port = _first_line(proxy)
        self._project.write(int(port))
        receiver = _first_line(self._helper("receiver", str(self.folder / "arrivals.log")))
        self._fleet = Fleet(self.folder, self._project.environ(f"127.0.0.1:{receiver}"), self._log)
        self._fleet.open(self.settings.hosts, self.settings.schedulers)
        self._await(self._all_work, START, "the workers did not start")
        producer = self._helper("producer", str(self.folder), str(self.settings.seed))
        faults = Faults(self._fleet, self._server, _orders_for(proxy), self._log, self.settings.lease)
        self._under_fire(faults)
        faults.end()
        self._log.write("peace")
        peace = now_us()
        self._end_helper(producer)
        self._drain(CALLS)
        self._await_ticks(peace)
        self._fleet.stop(self._fleet.schedulers, END)
        self._drain(TICKS)
        self._fleet.stop(self._fleet.hosts, END)
        self._collect()

    def _under_fire(self, faults: Faults) -> None:
        plan, began = plan_of(self.settings), time.monotonic()
        while time.monotonic() - began < self.settings.seconds:
            while plan and plan[0].at <= time.monotonic() - began:
                planned = plan.pop(0)
                self._tell(planned.kind)
                faults.carry_out(planned)
            self._fleet.keep()
            self._server.look()
            time.sleep(LOOK)  # nobody tells of a process that ended

    # What is left.

    def _drain(self, *names: str) -> None:
        """Wait until nothing of these waits, is scheduled or runs, as long as something still ends."""
        ends, since = -1, time.monotonic()
        while self._count_of(names, self._unfinished) and time.monotonic() - since < STALL:
            self._fleet.keep()
            if (now := self._count_of(names, self._ended)) != ends:
                ends, since = now, time.monotonic()
            time.sleep(LOOK)  # until the next look

    def _count_of(self, names: tuple[str, ...], asked: Callable[[str, Pipeline], None]) -> int:
        with self._server.client() as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                asked(name, pipe)
            return sum(int(count or 0) for count in pipe.execute())

    def _unfinished(self, name: str, pipe: Pipeline) -> None:
        pipe.get(self._keys.workstream(name, "waiting"))
        pipe.zcard(self._keys.workstream(name, "scheduled"))
        pipe.zcard(self._keys.workstream(name, "running"))

    def _ended(self, name: str, pipe: Pipeline) -> None:
        for what in ("done", "dead"):
            pipe.hget(self._keys.workstream(name, "count"), what)

    def _await_ticks(self, until: int) -> None:
        """Wait until every tick up to then is decided; one that is not is for the judge."""
        deadline = time.monotonic() + STALL
        with self._server.client() as client:
            while int(client.hget(f"{self._keys.root}schedule:{SCHEDULE}", "mark") or 0) < until - SECOND:
                if time.monotonic() > deadline:
                    return
                self._fleet.keep()
                time.sleep(LOOK)  # until the next look

    def _all_work(self) -> bool:
        self._fleet.keep()
        with self._server.client() as client:
            return int(client.zcard(self._keys.sessions)) >= self.settings.hosts * self.settings.processes

    def _collect(self) -> None:
        with self._server.client() as client:
            collect(client, self._keys, (CALLS, TICKS), self.folder / "events.log")
            late = client.hget(self._keys.workstream(CALLS, "count"), "late")
            end = {"late": int(late or 0), "left": self._left(client)}
            (self.folder / "end.json").write_bytes(orjson.dumps(end))

    def _left(self, client: redis.Redis) -> dict[str, str]:
        """The states of jobs that have not ended."""
        left: dict[str, str] = {}
        for key in client.scan_iter(self._keys.workstream("*", "job", "*"), count=1000):
            state = client.hget(key, "state") or b"?"
            if state not in (b"done", b"dead", b"cancelled", b"discarded"):
                left[key.decode().rpartition(":")[2]] = state
        return left

    # Processes.

    def _helper(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{module}.out").open("ab") as errors:
            helper = subprocess.Popen(
                [sys.executable, "-m", f"tests.chaos.{module}", *arguments],
                cwd=Path(__file__).parents[2],
                env=dict(self._project.environ()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._helpers.append(helper)
        return helper

    def _end_helper(self, helper: subprocess.Popen[bytes]) -> None:
        assert helper.stdin is not None
        with contextlib.suppress(OSError):
            helper.stdin.close()
        helper.wait(END)

    def _await(self, condition: Callable[[], T], timeout: float, why: str) -> T:
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{why}: see {self.folder}")
            time.sleep(LOOK)  # between two looks at a condition
        return found

    def _end_all(self) -> None:
        """Nothing that was started is left, orphans included."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self._project.mark:
                    process.kill()
        for helper in self._helpers:
            helper.wait(END)
        self._server.kill()
        self._log.close()


def _orders_for(proxy: subprocess.Popen[bytes]) -> Callable[[str], None]:
    """How to give the proxy an order: it answers when it has obeyed."""

    def order(text: str) -> None:
        assert proxy.stdin is not None
        proxy.stdin.write(f"{text}\n".encode())
        proxy.stdin.flush()
        _first_line(proxy)

    return order


def _first_line(helper: subprocess.Popen[bytes]) -> str:
    stream: IO[bytes] | None = helper.stdout
    assert stream is not None
    return stream.readline().decode().strip()
