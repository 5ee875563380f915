"""Whole processes: a project on disk, supervisors that run it, and a journal its jobs write."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil

from tests.support import events_in, wait_until
from workstreams.app import build_broker
from workstreams.declare.config import load_config
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

#: Every job notes when it starts and ends, in one write each, so that lines never mix.
JOBS = """
import os, time
from workstreams import actor, current_job

def note(*words):
    line = " ".join(map(str, words)) + "\\n"
    with open(os.environ["JOURNAL"], "ab", buffering=0) as journal:
        journal.write(line.encode())

def run(seconds):
    job = current_job()
    note("start", job.id, job.delivery, os.getpid(), time.monotonic())
    time.sleep(seconds)  # the work
    note("end", job.id, job.delivery, os.getpid(), time.monotonic())
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Noted:
    """One line of the journal."""

    what: str
    job: str
    delivery: int
    pid: int
    at: float


class Supervisor:
    """One ``workstreams worker`` or ``up`` process."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def lines(self) -> list[dict[str, Any]]:
        """What it printed so far, where it is JSON."""
        found = []
        for line in self.output.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):
                found.append(orjson.loads(line))
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.lines() if line.get("event") == name]

    def workers(self) -> list[int]:
        """The worker processes that it started and that said they work."""
        return [int(line["worker"].rpartition(":")[2]) for line in self.events("worker_started")]

    def wait_for_workers(self, number: int) -> list[int]:
        """Wait until so many said that they work."""

        def enough() -> list[int]:
            assert self.process.poll() is None, self.output.read_text("utf-8", "replace")
            return self.workers() if len(self.workers()) >= number else []

        return wait_until(enough, 30)

    def stop(self, timeout: float = 20) -> int:
        """Ask for an orderly end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


class Fleet:
    """A project and everything that runs of it."""

    def __init__(self, folder: Path, yaml: str, jobs: str, server: str) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.journal.touch()
        (folder / "config").mkdir()
        (folder / "config" / "workstreams.yml").write_text(yaml)
        (folder / "fleet_jobs.py").write_text(JOBS + jobs)
        self.environ = {**os.environ, "JOURNAL": str(self.journal), "FLEET_REDIS": server}
        self.environ.pop("WORKSTREAMS_CONFIG", None)
        self.supervisors: list[Supervisor] = []
        self._broker: WorkstreamBroker | None = None

    def start(self, *arguments: str) -> Supervisor:
        """Start ``workstreams worker`` with these arguments."""
        output = self.folder / f"output-{len(self.supervisors)}"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "workstreams.cli.main", "worker", *arguments],
                cwd=self.folder,
                env=self.environ,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.supervisors.append(Supervisor(process, output))
        return self.supervisors[-1]

    @property
    def broker(self) -> WorkstreamBroker:
        """A sender's broker; it imports none of the actors."""
        if self._broker is None:
            os.environ["FLEET_REDIS"] = self.environ["FLEET_REDIS"]
            self._broker = build_broker(load_config(self.folder / "config"))
        return self._broker

    def send(self, workstream: str, actor: str, number: int, *args: Any) -> list[str]:
        """Send so many jobs with the same arguments, and return their ids."""
        jobs: list[Job[Any]] = [Job(workstream, actor, args, {}, {}) for _ in range(number)]
        return [job.id for job in self.broker.enqueue_many(jobs)]

    def noted(self, what: str) -> list[Noted]:
        """The journal's lines of one kind."""
        found = []
        # What stands behind the last end of a line is still being written.
        for line in self.journal.read_text().rpartition("\n")[0].splitlines():
            words = line.split()
            if words and words[0] == what:
                found.append(Noted(what, words[1], int(words[2]), int(words[3]), float(words[4])))
        return found

    def wait_for_ends(self, ids: list[str], timeout: float = 30) -> None:
        """Wait until each of these jobs has ended at least once."""
        wait_until(lambda: {line.job for line in self.noted("end")} >= set(ids), timeout)

    def runs(self) -> Counter[str]:
        """How often each job was started."""
        return Counter(line.job for line in self.noted("start"))

    def wait_until_empty(self, workstream: str, timeout: float = 30) -> None:
        """Wait until nothing of a workstream waits, is scheduled or runs."""
        self.broker.join(workstream, timeout=int(timeout * 1000))

    def events(self, workstream: str, name: str) -> list[dict[str, str]]:
        """Events of a workstream as the scripts wrote them."""
        link = self.broker.link
        return events_in(link.scripts.client, link.keys.workstream(workstream, "log"), name)

    def states(self, workstream: str, ids: list[str]) -> Counter[str]:
        """How many jobs are in which state."""
        link = self.broker.link
        pipe = link.scripts.client.pipeline(transaction=False)
        for job in ids:
            pipe.hget(link.keys.workstream(workstream, "job", job), "state")
        return Counter((state or b"gone").decode() for state in pipe.execute())

    def close(self) -> None:
        """End everything that still runs, and wait for it."""
        families = [psutil.Process(one.process.pid) for one in self.supervisors if one.process.poll() is None]
        left = [child for parent in families for child in parent.children(recursive=True)]
        for one in self.supervisors:
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
            one.process.wait()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        if self._broker is not None:
            self._broker.close()


@contextlib.contextmanager
def fleet(
    folder: Path, app: str, server: str, workstreams: str, jobs: str, worker: str = "{processes: 2}"
) -> Iterator[Fleet]:
    """A project whose processes are all gone at the end of the block."""
    head = f"app: {app}\nredis: ${{FLEET_REDIS}}\nimport: [fleet_jobs]\nworker: {worker}\n"
    yaml = f"{head}workstreams:\n{workstreams}"
    one = Fleet(folder, yaml, jobs, server)
    try:
        yield one
    finally:
        one.close()


def most_in_any(times: list[float], window: float) -> int:
    """The most of these times within any half-open window of a length."""
    ordered, most, first = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def now() -> float:
    """Seconds of the clock that jobs note."""
    return time.monotonic()
