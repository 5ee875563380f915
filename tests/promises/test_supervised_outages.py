"""A Redis that is away when workers stop, die or boot costs nothing that had been done."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises.fleet import Fleet, Supervisor, fleet, now
from tests.support import wait_until
from workstreams.store.client import producer_client
from workstreams.store.embedded import EmbeddedServer

JOBS = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""

WORK = "  work: {threads: 2}\n"
WORKER = "{{processes: 1, lease: 30s, grace: {grace}}}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that the test may kill."""
    folder = tmp_path / "server"
    with EmbeddedServer(folder) as running:
        yield running


def kill(server: EmbeddedServer) -> None:
    """It crashes, and what it has answered is on disk: a busy one would make it forget up to two seconds."""
    with producer_client(server.url) as client:
        client.set("written", "last")
        assert client.execute_command("WAITAOF", 1, 0, 10_000) == [1, 0]
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def stop_without(server: EmbeddedServer, project: Fleet) -> tuple[Supervisor, list[str]]:
    """Tell a worker to stop after Redis died, and its two jobs ended."""
    supervisor = project.start()
    supervisor.wait_for_workers(1)
    ids = project.send("work", "nap", 2, 1)
    wait_until(lambda: len(project.noted("start")) == 2)
    kill(server)
    project.wait_for_ends(ids)
    supervisor.process.send_signal(signal.SIGTERM)
    return supervisor, ids


def test_a_stop_while_redis_is_away_waits_until_what_was_done_is_told(
    tmp_path: Path, app_name: str, server: EmbeddedServer
) -> None:
    with fleet(tmp_path, app_name, server.url, WORK, JOBS, WORKER.format(grace="20s")) as project:
        supervisor, ids = stop_without(server, project)
        # Longer than the process itself would try.
        left = now() + 7
        wait_until(lambda: now() > left or supervisor.process.poll() is not None)
        assert supervisor.process.poll() is None
        server.ensure_running()
        assert supervisor.process.wait(20) == 0
        assert project.states("work", ids) == Counter(done=2)


def test_a_stop_that_cannot_tell_what_was_done_does_not_end_with_0(
    tmp_path: Path, app_name: str, server: EmbeddedServer
) -> None:
    with fleet(tmp_path, app_name, server.url, WORK, JOBS, WORKER.format(grace="4s")) as project:
        supervisor, ids = stop_without(server, project)
        wait_until(lambda: supervisor.events("worker_stopped"))
        server.ensure_running()
        assert supervisor.process.wait(20) == 1
        assert project.states("work", ids) == Counter(waiting=2), "they will run again"


def test_a_process_that_boots_while_redis_is_away_waits_for_it_and_works_when_it_is_back(
    tmp_path: Path, app_name: str, server: EmbeddedServer
) -> None:
    worker = "{processes: 1, lease: 30s}"
    with fleet(tmp_path, app_name, server.url, WORK, JOBS, worker) as project:
        supervisor = project.start()
        [pid] = supervisor.wait_for_workers(1)
        ids = project.send("work", "nap", 2, 3)
        wait_until(lambda: len(project.noted("start")) == 2)
        kill(server)
        os.kill(pid, signal.SIGKILL)
        waiting = wait_until(
            lambda: [one for one in supervisor.events("redis_away") if not one["worker"].endswith(f":{pid}")]
        )
        server.ensure_running()
        supervisor.wait_for_workers(2)
        project.wait_for_ends(ids)
        assert supervisor.events("worker_started")[1]["worker"] == waiting[0]["worker"]
        assert len(supervisor.events("worker_died")) == 1


def test_a_process_that_waits_for_redis_ends_when_it_is_told_to(
    tmp_path: Path, app_name: str, server: EmbeddedServer
) -> None:
    with fleet(tmp_path, app_name, server.url, "  work:\n", JOBS, "{processes: 1}") as project:
        supervisor = project.start()
        [pid] = supervisor.wait_for_workers(1)
        kill(server)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: supervisor.events("redis_away"))
        supervisor.process.send_signal(signal.SIGTERM)
        wait_until(lambda: supervisor.events("worker_stopped"))
        # In no hurry it would try for some seconds more to tell Redis of the end of the first.
        supervisor.process.send_signal(signal.SIGINT)
        assert supervisor.process.wait(20) == 1
