"""I1: every send that returned is finished, dead with a reason, cancelled or discarded by name."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import psutil

from tests.promises.fleet import fleet, now
from tests.support import wait_until

NAP = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""


def test_a_killed_worker_loses_nothing_and_its_jobs_run_again_at_once(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  work:\n", NAP) as project:
        workers = project.start().wait_for_workers(2)
        ids = project.send("work", "nap", 400, 0.05)
        wait_until(lambda: len(project.noted("end")) > 50)
        os.kill(workers[0], signal.SIGKILL)
        killed = now()
        project.wait_until_empty("work")

        assert project.states("work", ids) == Counter(done=400)
        twice = [job for job, runs in project.runs().items() if runs > 1]
        reaped = len(project.events("work", "reaped"))
        # A job that was leased but had not begun is given back too.
        assert len(twice) <= reaped <= 8, "a process has eight threads of this workstream"
        # The lease is 15 s: that they ran again long before is the supervisor's doing.
        assert max(line.at for line in project.noted("end")) - killed < 10


def test_a_dead_worker_is_replaced(tmp_path: Path, app_name: str, server_url: str) -> None:
    with fleet(tmp_path, app_name, server_url, "  work:\n", NAP) as project:
        supervisor = project.start()
        first = supervisor.wait_for_workers(2)
        os.kill(first[0], signal.SIGKILL)
        assert len(set(supervisor.wait_for_workers(3))) == 3
        (died,) = wait_until(lambda: supervisor.events("worker_died"))
        assert died["why"] == "its process was ended by SIGKILL"


def test_when_a_supervisor_is_killed_another_goes_on_and_no_orphan_is_left(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    one_thread_each = "  work: {threads: 2}\n"
    with fleet(tmp_path, app_name, server_url, one_thread_each, NAP, "{processes: 1, lease: 2s}") as project:
        doomed, other = project.start(), project.start()
        (orphan,) = doomed.wait_for_workers(1)
        other.wait_for_workers(1)
        # Longer than the lease: the first's jobs cannot end before it is over.
        held = project.send("work", "nap", 4, 4)
        wait_until(lambda: len(project.noted("start")) == 4)
        doomed.process.kill()
        killed = now()

        gone = psutil.Process(orphan)
        wait_until(lambda: not gone.is_running() or gone.status() == psutil.STATUS_ZOMBIE, 5)
        assert now() - killed < 2, "an orphan must be gone before its lease"
        wait_until(lambda: len(project.events("work", "reaped")) == 2, 10)
        assert now() - killed < 3
        project.wait_until_empty("work")
        assert project.states("work", held) == Counter(done=4)


def test_a_stop_lets_running_jobs_finish_and_keeps_the_others(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 2}\n", NAP, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        ids = project.send("work", "nap", 10, 0.5)
        wait_until(lambda: len(project.noted("start")) == 2)
        assert supervisor.stop() == 0
        assert len(project.noted("end")) == 2, "what ran was finished, nothing else was begun"
        assert project.states("work", ids) == Counter(done=2, waiting=8)


def test_what_outlasts_the_grace_goes_back_to_the_front_uncounted(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(
        tmp_path, app_name, server_url, "  work: {threads: 1}\n", NAP, "{processes: 1, grace: 1s}"
    ) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        (slow,) = project.send("work", "nap", 1, 30)
        project.send("work", "nap", 1, 0)
        wait_until(lambda: project.noted("start"))
        assert supervisor.stop() == 1, "something had to be ended"
        assert project.events("work", "reaped") == []
        assert [fields["j"] for fields in project.events("work", "handed_back")] == [slow]
        link = project.broker.link
        first = link.scripts.client.zrange(link.keys.workstream("work", "ready", ""), 0, 0)
        assert first == [slow.encode()]
