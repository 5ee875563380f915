"""https://dramatiq.io/advanced.html: Dramatiq's command over processes of workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from tests.support import wait_until
from workstreams.app import build_broker
from workstreams.store.keys import Keys
from workstreams.wait.broker import WorkstreamBroker

TASKS = """
import os, sys, time
import dramatiq, workstreams

broker = workstreams.current_broker()

@dramatiq.actor(store_results=True)
def add(x, y):
    return x + y

@workstreams.actor
def work(n, seconds):
    note("begun", n)
    time.sleep(seconds)  # the work
    note("done", n)

@dramatiq.actor(store_results=True)
async def aio(n):
    return os.getpid()

def note(what, n):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{what} {n} {os.getpid()}\\n")
"""


class Command:
    """Dramatiq's own command over a module of actors in a folder."""

    def __init__(self, folder: Path, app: str, url: str) -> None:
        self.folder, self.notes = folder, folder / "notes"
        (folder / "tasks.py").write_text(TASKS)
        config = folder / "workstreams.yml"
        config.write_text(f"app: {app}\nredis: {url}\nworkstreams:\n  default: {{threads: 8}}\n  ui: {{}}\n")
        self.notes.touch()
        # When it reloads, the command starts whatever "python" is on the path.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.env = os.environ | {"WORKSTREAMS_CONFIG": str(config), "NOTES": str(self.notes), "PATH": path}
        self.broker = build_broker(config)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        # In a file: nobody reads a pipe while it runs.
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dramatiq", *arguments],
                cwd=self.folder,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def noted(self, what: str) -> list[int]:
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        return [int(n) for noted, n, _ in lines if noted == what]

    def send(self, actor: str, *args: Any) -> dramatiq.Message[Any]:
        return self.broker.enqueue(dramatiq.Message("default", actor, args, {}, {}))


@pytest.fixture
def command(tmp_path: Path, app_name: str, server_url: str) -> Iterator[Command]:
    made = Command(tmp_path, app_name, server_url)
    try:
        yield made
    finally:
        for process in made.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        made.broker.close()


def build_results(broker: WorkstreamBroker) -> Any:
    return broker.get_results_backend()


def pids_of(client: Any, keys: Keys) -> list[int]:
    sids = client.zrange(keys.sessions, 0, -1)
    found = [client.hget(keys.session(sid.decode()), "pid") for sid in sids]
    return [int(pid) for pid in found if pid]


def test_dramatiqs_command_runs_our_broker_in_several_processes_and_drains_when_told_to_stop(
    command: Command, keys: Keys
) -> None:
    backend, client = command.broker, command.broker.link.scripts.client
    process = command.start("tasks", "-p", "2", "-t", "4")
    added, aio = command.send("add", 1, 2), command.send("aio", 1)
    results = build_results(backend)
    assert results.get_result(added, block=True, timeout=20_000) == 3
    assert results.get_result(aio, block=True, timeout=20_000) != process.pid
    wait_until(lambda: client.zcard(keys.sessions) == 2)
    for n in range(30):
        command.send("work", n, 0.25)
    wait_until(lambda: len(command.noted("begun")) >= 8)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    begun = command.noted("begun")
    assert sorted(begun) == sorted(command.noted("done"))
    assert max(Counter(begun).values()) == 1
    # What did not begin waits, under no lease of the processes that are gone.
    assert int(client.get(keys.workstream("default", "waiting")) or 0) == 30 - len(begun)
    assert (client.zcard(keys.sessions), client.zcard(keys.workstream("default", "running"))) == (0, 0)


def test_dramatiqs_command_reloads_its_processes_when_it_is_hung_up(command: Command, keys: Keys) -> None:
    client = command.broker.link.scripts.client
    process = command.start("tasks:broker", "-p", "1", "-t", "2", "--queues", "default")
    results = build_results(command.broker)
    before = results.get_result(command.send("aio", 1), block=True, timeout=20_000)
    os.kill(process.pid, signal.SIGHUP)
    wait_until(
        lambda: all(before != pid for pid in pids_of(client, keys)) and pids_of(client, keys), timeout=20
    )
    after = results.get_result(command.send("aio", 2), block=True, timeout=20_000)
    assert after != before
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 0


def test_dramatiqs_command_ends_with_its_code_for_a_module_that_cannot_be_imported(command: Command) -> None:
    assert command.start("nowhere", "-p", "1").wait(20) == 2


def test_dramatiqs_command_ends_with_an_error_when_the_server_is_not_there(command: Command) -> None:
    config = command.folder / "workstreams.yml"
    config.write_text("app: x\nredis: unix:///nowhere.sock\nworkstreams: {default: {}, ui: {}}\n")
    assert command.start("tasks", "-p", "1", "-t", "1").wait(20) != 0
    assert "/nowhere.sock" in (command.folder / "log").read_text()
