"""A fleet of real processes over a server of its own, for commands that measure."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import redis

from tests.promises.fleet import Fleet
from tests.support import calls_of, events_in, wait_until
from workstreams.control import pause, resume
from workstreams.store.client import worker_client
from workstreams.store.embedded import EmbeddedServer

__all__ = ["Project", "a_project", "a_server", "of_actors"]

#: Seconds for so many processes to start on a busy machine with two processors.
PATIENCE = 300.0


def of_actors(*workstreams: str) -> str:
    """The source of one actor for each workstream, which notes its start and its end."""
    return "\n".join(
        f"@actor(workstream={name!r}, name={name!r})\ndef {name}(seconds):\n    run(seconds)\n"
        for name in workstreams
    )


class Project:
    """A fleet, and the server as a measurement sees it.

    Parameters:
      fleet: The project on disk and its processes.
      client: Goes to the server directly.
    """

    def __init__(self, fleet: Fleet, client: redis.Redis) -> None:
        self.fleet, self.client = fleet, client
        self.keys = fleet.broker.link.keys

    @property
    def workstreams(self) -> tuple[str, ...]:
        """The names of all."""
        return tuple(self.fleet.broker.config.workstreams)

    def now(self) -> int:
        """µs at the server's clock."""
        seconds, micros = self.client.time()
        return int(seconds) * 1_000_000 + int(micros)

    def start(self, processes: int) -> None:
        """Start a supervisor with so many workers, and wait until each asks for work of each workstream."""
        self.fleet.start("--processes", str(processes))
        self.wait_asleep(processes)

    def start_busy(self, processes: int) -> None:
        """Start so many where nobody waits for work, because there is always some."""
        self.fleet.start("--processes", str(processes))
        wait_until(lambda: len(self.sessions()) >= processes, PATIENCE)
        wait_until(lambda: all(self.asked(sid) > 1 for sid in self.sessions()), PATIENCE)

    def sessions(self) -> list[str]:
        """The sessions that live, one for each worker process."""
        return [sid.decode() for sid in self.client.zrange(self.keys.sessions, 0, -1)]

    def asked(self, sid: str) -> int:
        """How often a session has asked for work."""
        return calls_of(self.client, self.keys.session(sid))

    def wait_asleep(self, processes: int) -> None:
        """Wait until so many processes have nothing to do but to wait."""
        for name in self.workstreams:
            sleepers = self.keys.workstream(name, "sleepers")
            wait_until(lambda sleepers=sleepers: int(self.client.zcard(sleepers)) >= processes, PATIENCE)

    def resume(self) -> None:
        """Let everything begin."""
        for name in self.workstreams:
            resume(self.fleet.broker.link, self.fleet.broker.config, name)

    def pause(self) -> None:
        """Let nothing begin any more, and wait until nothing runs."""
        for name in self.workstreams:
            pause(self.fleet.broker.link, self.fleet.broker.config, name)
        for name in self.workstreams:
            running = self.keys.workstream(name, "running")
            wait_until(lambda running=running: not self.client.zcard(running), PATIENCE)

    def total(self, what: str) -> int:
        """A total over all workstreams."""
        counts = (self.client.hget(self.keys.workstream(name, "count"), what) for name in self.workstreams)
        return sum(int(count or 0) for count in counts)

    def events(self, name: str) -> list[dict[str, str]]:
        """Events of all workstreams, as the scripts wrote them."""
        logs = (self.keys.workstream(one, "log") for one in self.workstreams)
        return [event for log in logs for event in events_in(self.client, log, name)]

    def times_of(self, name: str) -> list[int]:
        """When there was such an event, µs at the server's clock."""
        return sorted(int(event["t"]) for event in self.events(name))

    def leases(self) -> list[tuple[int, int]]:
        """Begin and end of every run that has ended, µs at the server's clock."""
        ends = {event["j"]: int(event["t"]) for event in self.events("finished")}
        began = ((event["j"], int(event["t"])) for event in self.events("started"))
        return [(at, ends[job]) for job, at in began if job in ends]

    def runs(self) -> list[tuple[int, int]]:
        """Begin and end of every run that has ended, µs at the clock of the jobs."""
        ends = {(line.job, line.delivery): line.at for line in self.fleet.noted("end")}
        return [
            (round(line.at * 1_000_000), round(ends[line.job, line.delivery] * 1_000_000))
            for line in self.fleet.noted("start")
            if (line.job, line.delivery) in ends
        ]

    def lost(self, ids: Mapping[str, list[str]]) -> int:
        """How many jobs are neither done nor wait: by workstream, what was sent."""
        states = [self.fleet.states(name, some) for name, some in ids.items()]
        known = sum(found[state] for found in states for state in ("done", "waiting", "scheduled", "dead"))
        return sum(map(len, ids.values())) - known


@contextlib.contextmanager
def a_server() -> Iterator[str]:
    """The URL of a server that is there for one command only."""
    # A short folder: the path of a unix socket holds 107 bytes.
    with tempfile.TemporaryDirectory(prefix="wsf") as folder, EmbeddedServer(Path(folder)) as server:
        yield server.url


@contextlib.contextmanager
def a_project(url: str, document: Mapping[str, Any], jobs: str) -> Iterator[Project]:
    """A project on a server that is emptied first; its processes are gone at the end of the block.

    Parameters:
      url: The server, which is nobody else's.
      document: The config, without the app and where the server is.
      jobs: The source of its actors.
    """
    head = {"app": f"f{uuid4().hex[:8]}", "redis": "${FLEET_REDIS}", "import": ["fleet_jobs"]}
    with tempfile.TemporaryDirectory(prefix="wsf") as folder, worker_client(url) as client:
        client.flushall()
        # JSON is YAML.
        fleet = Fleet(Path(folder), orjson.dumps({**head, **document}).decode(), jobs, url)
        try:
            yield Project(fleet, client)
        finally:
            fleet.close()
