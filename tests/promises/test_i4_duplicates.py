"""I4: a job runs once, plus the times its lease ended without a recorded finish; each is an event."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from tests.promises.fleet import fleet
from tests.support import wait_until

JOBS = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)

@actor(workstream="work", on_success="after")
def first(seconds):
    run(seconds)

@actor(workstream="work")
def after(message, result):
    run(0)
"""


def test_a_frozen_worker_loses_its_lease_and_its_late_finish_takes_no_effect(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(
        tmp_path, app_name, server_url, "  work: {threads: 1}\n", JOBS, "{processes: 1, lease: 1s}"
    ) as project:
        supervisor, other = project.start(), project.start()
        workers = {*supervisor.wait_for_workers(1), *other.wait_for_workers(1)}
        (job,) = project.send("work", "first", 1, 0.4)
        start = wait_until(lambda: project.noted("start"))[0]
        assert start.pid in workers
        os.kill(start.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: len([line for line in project.noted("end") if line.job == job]) == 1)
            assert project.noted("end")[0].pid != start.pid, "the other worker ran it"
        finally:
            os.kill(start.pid, signal.SIGCONT)
        # The supervisor of the one that woke up is told, and replaces it.
        replaced = supervisor if start.pid in supervisor.workers() else other
        replaced.wait_for_workers(2)
        project.wait_until_empty("work")
        assert project.runs()[job] == 1 + len(project.events("work", "reaped"))
        # Its callback was sent once, by the finish that was recorded.
        followed = [fields for fields in project.events("work", "sent") if fields["a"] == "after"]
        assert len(followed) == 1


def test_a_job_that_kills_its_process_each_time_is_dead_after_three_and_its_neighbours_are_done(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    poison = "\n@actor(workstream='work')\ndef poison():\n    run(0)\n    os._exit(9)\n"
    with fleet(
        tmp_path, app_name, server_url, "  work: {threads: 1}\n", JOBS + poison, "{processes: 2}"
    ) as project:
        project.start().wait_for_workers(2)
        (bad,) = project.send("work", "poison", 1)
        good = project.send("work", "nap", 20, 0.01)
        project.wait_until_empty("work")
        assert project.states("work", [bad]) == Counter(dead=1)
        assert project.states("work", good) == Counter(done=20)
        assert project.runs()[bad] == 3
