"""``worker --until-empty`` ends when nothing is left, and looks for that beside its other duties."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.promises.fleet import Supervisor, fleet
from tests.support import wait_until
from workstreams.store.client import producer_client
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.keys import Keys
from workstreams.supervisor.emptiness import Emptiness

JOBS = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)

@actor(workstream="work")
def tell(times):
    for _ in range(times):
        print(time.time(), flush=True)
        time.sleep(0.05)  # the work, which is told as it goes on
"""


def test_it_ends_once_what_waits_is_scheduled_and_runs_has_ended(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", JOBS, "{processes: 1}") as project:
        jobs = project.send("work", "nap", 3, 0.1)
        supervisor = project.start("--until-empty")
        assert supervisor.process.wait(30) == 0
        assert {line.job for line in project.noted("end")} == set(jobs)


def test_a_server_that_hangs_keeps_the_supervisor_from_nothing(tmp_path: Path, app_name: str) -> None:
    with (
        EmbeddedServer(tmp_path / "server") as server,
        fleet(tmp_path, app_name, server.url, "  work:\n", JOBS, "{processes: 1}") as project,
    ):
        assert server.pid is not None
        project.send("work", "tell", 1, 1000)
        supervisor = project.start("--until-empty")
        wait_until(lambda: supervisor.events("output"), 30)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            lag = longest_lag(supervisor, 2.5)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        # A look at a server that hangs takes 2 s.
        assert lag < 1
        supervisor.process.send_signal(signal.SIGINT)
        supervisor.process.send_signal(signal.SIGTERM)
        assert supervisor.process.wait(20) == 1


def longest_lag(supervisor: Supervisor, seconds: float) -> float:
    """Seconds by which what a job tells comes late at most, while it tells so much of it."""
    first = float(supervisor.events("output")[-1]["text"])
    lags = []

    def long_enough() -> bool:
        newest = float(supervisor.events("output")[-1]["text"])
        lags.append(time.time() - newest)
        return newest > first + seconds

    wait_until(long_enough, 20)
    return max(lags)


def test_an_error_that_nobody_foresaw_is_told_and_it_looks_again(
    server_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()
    emptiness = Emptiness(producer_client(server_url), keys, ["mail"], found.set)
    look, looks = emptiness._nothing_left, []

    def fail_once() -> bool:
        looks.append("")
        if len(looks) == 1:
            raise RuntimeError("a defect")
        return look()

    monkeypatch.setattr(emptiness, "_nothing_left", fail_once)
    emptiness.start()
    assert found.wait(5)
    assert emptiness.found
