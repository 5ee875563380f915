"""A cancel reaches a job wherever it is, and stops it within a second or with its process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psutil

from tests.promises.fleet import Fleet, fleet
from tests.support import wait_until
from workstreams.control import cancel_jobs
from workstreams.send.job import Job

JOBS = """
import asyncio
from workstreams import Cancelled

def begun():
    job = current_job()
    note("start", job.id, job.delivery, os.getpid(), time.monotonic())
    return job

def stopped(job):
    note("stopped", job.id, job.delivery, os.getpid(), time.monotonic())

@actor(workstream="work")
def in_python():
    begun()
    while True:
        sum(range(100))

@actor(workstream="work")
async def in_a_coroutine():
    begun()
    await asyncio.sleep(600)  # the work, which is to be interrupted

@actor(workstream="work")
def asleep():
    begun().sleep(600)  # the work, which is to be woken

@actor(workstream="work")
def that_asks():
    job = begun()
    while not job.cancelled:
        time.sleep(0.05)  # the work, a piece at a time
    stopped(job)
    raise Cancelled("between two pieces")

@actor(workstream="work")
def in_c():
    begun()
    time.sleep(600)  # nothing can interrupt it

@actor(workstream="work")
def quick():
    run(0)
"""

WORK = "  work: {threads: 2, concurrency: 2}\n"

#: µs.
SECOND = 1_000_000


def asked_and_stopped(project: Fleet, job: str) -> list[int]:
    """When it was asked to stop and when it had, by Redis's clock."""
    found = [project.events("work", name) for name in ("cancelling", "cancelled")]
    return [int(one["t"]) for events in found for one in events if one["j"] == job]


def test_a_running_job_has_stopped_within_a_second_whatever_it_does(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        for number, actor in enumerate(("in_python", "in_a_coroutine", "asleep", "that_asks"), start=1):
            [job] = project.send("work", actor, 1)
            wait_until(lambda number=number: len(project.noted("start")) == number)
            cancel_jobs(project.broker.link, "work", [job])
            wait_until(lambda job=job: project.states("work", [job]) == Counter(cancelled=1))
            asked, stopped = asked_and_stopped(project, job)
            assert stopped - asked <= SECOND, actor
        assert len(project.noted("stopped")) == 1
        project.wait_for_ends(project.send("work", "quick", 4))
        assert len(supervisor.workers()) == 1, "no process was replaced"
        assert set(project.runs().values()) == {1}


def test_a_waiting_and_a_scheduled_job_are_stopped_at_once(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        running = project.send("work", "in_python", 2)
        wait_until(lambda: len(project.noted("start")) == 2)
        [waits] = project.send("work", "quick", 1)
        quick: Job[None] = Job("work", "quick", (), {}, {})
        later = project.broker.enqueue_many([quick], due=f"+{600 * SECOND}")[0].id
        assert project.states("work", [waits, later]) == Counter(waiting=1, scheduled=1)
        cancel_jobs(project.broker.link, "work", [waits, later])
        assert project.states("work", [waits, later]) == Counter(cancelled=2)
        cancel_jobs(project.broker.link, "work", running)
        project.wait_until_empty("work")
        assert project.runs() == Counter(running)


def test_a_job_that_nothing_can_interrupt_is_ended_with_its_process_and_is_cancelled(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, lease: 2s}"
    with fleet(tmp_path, app_name, server_url, WORK, JOBS, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [job] = project.send("work", "in_c", 1)
        [started] = wait_until(lambda: project.noted("start"))
        link = project.broker.link
        cancel_jobs(link, "work", [job])
        [held] = list(link.scripts.client.scan_iter(match=link.keys.held("*")))
        lease = f"work/{job}~1"
        asked = int(project.events("work", "cancelling")[0]["t"])
        assert link.scripts.client.zscore(held, lease) == asked + 10 * SECOND
        # Nobody waits for ten seconds here: its bound is brought forward.
        link.scripts.client.zadd(held, {lease: asked})
        wait_until(lambda: project.states("work", [job]) == Counter(cancelled=1), 30)
        supervisor.wait_for_workers(2)
        assert not psutil.pid_exists(started.pid)
        project.wait_for_ends(project.send("work", "quick", 1))
        assert project.runs()[job] == 1
