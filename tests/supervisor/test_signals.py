"""The first signal drains, a second ends at once, and a closed terminal is a first signal."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.promises.fleet import fleet, now
from tests.support import wait_until

NAP = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_lets_what_runs_finish(
    tmp_path: Path, app_name: str, server_url: str, number: signal.Signals
) -> None:
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", NAP, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        project.send("work", "nap", 1, 0.5)
        wait_until(lambda: project.noted("start"))
        supervisor.process.send_signal(number)
        assert supervisor.process.wait(20) == 0
        assert len(project.noted("end")) == 1


def test_two_signals_at_once_end_everything_at_once_and_start_nothing_again(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", NAP, "{processes: 2}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(2)
        project.send("work", "nap", 1, 30)
        wait_until(lambda: project.noted("start"))
        began = now()
        # Both before the supervisor can look: a wrapper that passes on what the terminal sent too.
        supervisor.process.send_signal(signal.SIGSTOP)
        supervisor.process.send_signal(signal.SIGINT)
        supervisor.process.send_signal(signal.SIGTERM)
        supervisor.process.send_signal(signal.SIGCONT)
        assert supervisor.process.wait(20) == 1
        assert now() - began < 10, "the grace is 30 s, and the job as long"
        assert len(supervisor.workers()) == 2, "none was started in the place of those that were ended"
