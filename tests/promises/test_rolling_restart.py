"""A busy fleet whose supervisors are restarted in turn runs nothing twice and pauses no workstream."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from tests.promises.fleet import fleet
from tests.promises.ledger import Ledger
from tests.promises.senders import Sender
from tests.support import wait_until

JOBS = """
@actor(workstream="fast")
def quick(seconds):
    note("fast", current_job().id, current_job().delivery, os.getpid(), time.monotonic())
    run(seconds)

@actor(workstream="slow")
def slow(seconds):
    note("slow", current_job().id, current_job().delivery, os.getpid(), time.monotonic())
    run(seconds)
"""
#: Seconds for which a workstream with work may start nothing. Others stop no longer than 300 ms each; the
#: rest is for a machine that is busy.
LONGEST_PAUSE = 2.0


def test_a_rolling_restart_runs_every_job_once_and_pauses_no_workstream(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    workstreams = "  fast: {threads: 3}\n  slow: {threads: 3}\n"
    jobs = [("fast", "quick", 0.05), ("slow", "slow", 0.3), ("fast", "quick", 0.15)]
    with fleet(tmp_path, app_name, server_url, workstreams, JOBS, "{processes: 1}") as project:
        for _ in range(3):
            project.start()
        for supervisor in project.supervisors:
            supervisor.wait_for_workers(1)
        # More than they can do, so that there is always something to start.
        for workstream, actor, seconds in jobs:
            project.send(workstream, actor, 30, seconds)
        link = project.broker.link
        count = link.keys.workstream("slow", "count")

        def wait_for_starts(number: int) -> None:
            first = int(link.scripts.client.hget(count, "started") or 0)
            wait_until(lambda: int(link.scripts.client.hget(count, "started") or 0) >= first + number, 30)

        with Sender(project.broker, jobs, 0.02) as sender:
            for supervisor in list(project.supervisors):
                wait_for_starts(6)
                assert supervisor.stop() == 0
                project.start().wait_for_workers(1)
            wait_for_starts(6)
        for workstream in ("fast", "slow"):
            project.wait_until_empty(workstream, 60)
        for supervisor in project.supervisors[3:]:
            assert supervisor.stop() == 0

        assert sender.errors == []
        assert sender.refused == []
        assert Counter(project.runs().values()) == {1: len(sender.sent) + 90}
        assert {line.job for line in project.noted("end")} >= set(sender.sent)
        ledger = Ledger(link.scripts.client, link.keys)
        assert ledger.left_over() == []
        for workstream in ("fast", "slow"):
            assert ledger.events(workstream)["reaped"] == 0
            starts = sorted(line.at for line in project.noted(workstream))
            assert max(later - sooner for sooner, later in pairwise(starts)) < LONGEST_PAUSE
