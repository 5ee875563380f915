"""A reply of Redis that gets lost holds nobody up for long, and costs no job its run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.promises.fleet import fleet, now
from tests.promises.swallowing import Swallowing, swallowing
from tests.support import wait_until

JOBS = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""


@pytest.fixture
def way(server_url: str) -> Iterator[Swallowing]:
    with swallowing(server_url) as one:
        yield one


def test_a_renewal_whose_reply_is_lost_is_repeated_within_the_lease(
    tmp_path: Path, app_name: str, server_url: str, way: Swallowing
) -> None:
    worker = "{processes: 1, lease: 1s}"
    with fleet(tmp_path, app_name, way.url, "  work: {threads: 2}\n", JOBS, worker) as project:
        project.start().wait_for_workers(1)
        ids = project.send("work", "nap", 2, 4)
        wait_until(lambda: len(project.noted("start")) == 2)
        # Another host, which would take over what runs out.
        project.environ["FLEET_REDIS"] = server_url
        project.start().wait_for_workers(1)
        way.swallow("renew")
        wait_until(lambda: way.swallowed)
        project.wait_for_ends(ids)
        project.wait_until_empty("work")
        assert set(project.runs().values()) == {1}
        assert not project.events("work", "reaped")


def test_an_exchange_whose_reply_is_lost_is_repeated_within_three_seconds(
    tmp_path: Path, app_name: str, way: Swallowing
) -> None:
    with fleet(tmp_path, app_name, way.url, "  work:\n", JOBS, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        project.wait_for_ends(project.send("work", "nap", 1, 0))
        way.swallow("exchange")
        sent = now()
        ids = project.send("work", "nap", 1, 0)
        project.wait_for_ends(ids)
        assert way.swallowed == 1
        assert project.noted("start")[-1].at - sent < 6, "less than the ten seconds that it used to take"
        assert set(project.runs().values()) == {1}


def test_a_process_whose_supervisor_is_frozen_hears_at_once_that_its_lease_is_lost(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    nap = "\n@actor(workstream='work')\ndef nap(seconds):\n    run(seconds)\n"
    worker = "{processes: 1, lease: 1s}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", nap, worker) as project:
        one, other = project.start(), project.start()
        one.wait_for_workers(1)
        other.wait_for_workers(1)
        project.send("work", "nap", 1, 50)
        [started] = wait_until(lambda: project.noted("start"))
        frozen = one if started.pid in one.workers() else other
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: len(project.noted("start")) == 2)
            # By itself it would ask after ten seconds only. Nobody reaps it.
            gone = psutil.Process(started.pid)
            wait_until(lambda: gone.status() == psutil.STATUS_ZOMBIE, 4)
        finally:
            frozen.process.send_signal(signal.SIGCONT)
        frozen.wait_for_workers(2)
