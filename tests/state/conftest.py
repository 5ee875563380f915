"""A real server, and an app on it whose worker does exactly what a test says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from workstreams.admit.sessions import SessionInfo, Sessions
from workstreams.declare.config import Config, config_from_mapping
from workstreams.send.job import Job
from workstreams.send.order import order_for
from workstreams.send.sender import Sender
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.keys import Keys
from workstreams.store.link import Link

LEASE = 60_000_000

WORKSTREAMS: Mapping[str, Any] = {
    "free": None,
    "one": {"concurrency": 1},
    "slow": {"rate": "2/h"},
    "shared": {"within": ["account"]},
    "closed": {"paused": True},
}


class App:
    """One app on a server, with a worker's side played by the test."""

    def __init__(self, url: str, folder: Path) -> None:
        name = f"t{uuid.uuid4().hex[:12]}"
        limits = {"account": {"concurrency": 1, "rate": "100/h"}}
        document = {"app": name, "redis": url, "state_dir": ".", "limits": limits, "workstreams": WORKSTREAMS}
        self.config: Config = config_from_mapping(document, folder)
        self.link = Link(lambda: url, Keys(name))
        self._sender = Sender(lambda: self.config, lambda: self.link)
        self._sequence = 0
        self.sid = ""

    def key(self, workstream: str, *words: str) -> str:
        return self.link.keys.workstream(workstream, *words)

    def send(self, workstream: str, *args: Any, due: str = "", **options: Any) -> str:
        """Send one job; returns its id."""
        job: Job[Any] = Job(workstream, "act", args, {"to": "ann"}, options)
        self._sender.send([order_for(job, self.config.workstream(workstream), due)])
        return job.id

    def open_session(self, *workstreams: str, lease: int = LEASE) -> str:
        """Begin a worker; returns its session."""
        self.sid = uuid.uuid4().hex[:16]
        info = SessionInfo(self.sid, f"host:{self.sid[:4]}", "main", workstreams, 3, "host", 42)
        Sessions(self.link.scripts).open(info, lease)
        return self.sid

    def exchange(self, wants: list[tuple[str, int]], finishes: list[dict[str, Any]] | None = None) -> Any:
        """One call of the worker; returns the reply of the script."""
        self._sequence += 1
        call = {"sid": self.sid, "worker": "host:42", "seq": self._sequence, "epoch": "", "fresh": "e"}
        call |= {"leaving": False, "finishes": finishes or [], "wants": wants}
        return self.link.scripts.run("exchange", call)

    def finish(self, workstream: str, job: str, outcome: str, **more: Any) -> None:
        """End the first delivery of a job."""
        self.exchange([], [{"w": workstream, "i": job, "d": 1, "o": outcome, "us": 1000, **more}])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server."""
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as running:
        yield running.url


@pytest.fixture
def app(server: str, tmp_path: Path) -> Iterator[App]:
    """A new app on the server."""
    made = App(server, tmp_path)
    yield made
    made.link.close()
