"""Cancel, pause and progress over whole worker processes."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.promises.fleet import Fleet, fleet
from tests.support import wait_until
from workstreams.control import Operations, cancel_jobs, pause, resume
from workstreams.state import read_job

JOBS = """
import asyncio
from workstreams import Cancelled

def begun():
    job = current_job()
    note("start", job.id, job.delivery, os.getpid(), time.monotonic())
    return job

@actor(workstream="work")
def spin():
    job = current_job()
    try:
        begun()
        while True:
            time.sleep(0.01)  # the work, which is to be interrupted
    except Cancelled:
        note("cleaned", job.id, job.delivery, os.getpid(), time.monotonic())
        raise

@actor(workstream="work")
async def spin_async():
    job = current_job()
    try:
        begun()
        await asyncio.sleep(600)  # the work, which is to be interrupted
    except asyncio.CancelledError:
        note("cleaned", job.id, job.delivery, os.getpid(), time.monotonic())
        raise

@actor(workstream="work")
def quick():
    run(0)

@actor(workstream="work")
def counting():
    job = begun()
    for n in range(1, 11):
        job.progress(n / 10, step=f"part {n}")
"""

WORK = "  work: {threads: 4, concurrency: 3}\n"


def state_of(project: Fleet, job: str) -> str:
    return read_job(project.broker.link, project.broker.config, job).state


@pytest.mark.parametrize("actor", ["spin", "spin_async"])
def test_a_running_job_is_cancelled_within_a_second_and_its_slot_is_free(
    tmp_path: Path, app_name: str, server_url: str, actor: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        jobs = project.send("work", actor, 3)
        wait_until(lambda: len(project.noted("start")) == 3)
        asked = time.monotonic()
        cancel_jobs(project.broker.link, "work", jobs[:2])
        wait_until(lambda: {line.job for line in project.noted("cleaned")} == set(jobs[:2]))
        # A second is the promise; a busy machine is given some more.
        assert max(line.at for line in project.noted("cleaned")) - asked < 3
        wait_until(lambda: project.states("work", jobs) == Counter(cancelled=2, running=1))
        project.wait_for_ends(project.send("work", "quick", 4))
        assert len(supervisor.workers()) == 1, "no process was replaced"
        assert project.runs()[jobs[0]] == 1
        cancel_jobs(project.broker.link, "work", jobs[2:])
        project.wait_until_empty("work")


def test_a_cancelled_job_whose_process_is_killed_is_not_run_again(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        [job] = project.send("work", "spin", 1)
        [started] = wait_until(lambda: project.noted("start"))
        os.kill(started.pid, signal.SIGSTOP)
        cancel_jobs(project.broker.link, "work", [job])
        os.kill(started.pid, signal.SIGKILL)
        wait_until(lambda: state_of(project, job) == "cancelled", 30)
        project.wait_for_ends(project.send("work", "quick", 1))
        assert project.runs()[job] == 1


def test_a_pause_holds_over_two_processes_and_a_resume_lets_both_go_on(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        for supervisor in (project.start(), project.start()):
            supervisor.wait_for_workers(1)
        link, config = project.broker.link, project.broker.config
        project.wait_for_ends(project.send("work", "quick", 5))
        assert pause(link, config, "work")
        held = project.send("work", "quick", 20)
        # A process would have asked by now: each wakes at a send unless the gate is shut.
        wait_until(lambda: link.scripts.client.hget(link.keys.workstream("work", "gate"), "why") == b"paused")
        assert project.states("work", held) == Counter(waiting=20)
        assert resume(link, config, "work")
        project.wait_for_ends(held, 5)
        assert [one["e"] for name in ("paused", "resumed") for one in project.events("work", name)] == [
            "paused",
            "resumed",
        ]


def test_what_a_job_said_of_its_progress_is_found_when_it_has_ended(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        [job] = project.send("work", "counting", 1)
        project.wait_until_empty("work")

        def said_last() -> bool:
            # Lines arrive a moment after the end that they were written before.
            found = read_job(project.broker.link, project.broker.config, job).progress or {}
            return (found.get("fraction"), found.get("step")) == (1.0, "part 10")

        wait_until(said_last)
        lines = Operations(project.broker).logs(Operations(project.broker).find(job))
        said = [line for line in lines if line["event"] == "progress"]
        # Said ten times in a moment, written twice: at once, and what was last.
        assert [line["fraction"] for line in said] == [0.1, 1.0]
