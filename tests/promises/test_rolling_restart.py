"""A busy fleet whose supervisors are restarted in turn runs nothing twice and pauses no workstream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.promises.fleet import Fleet, fleet
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


SEND = [("fast", "quick", 0.05), ("slow", "slow", 0.3), ("fast", "quick", 0.15)]
STREAMS = ("fast", "slow")
AT_FIRST = 30


@pytest.fixture
def busy(tmp_path: Path, app_name: str, server_url: str) -> Iterator[Fleet]:
    """Three supervisors with more work than they can do, so that there is always something to start."""
    workstreams = "  fast: {threads: 3}\n  slow: {threads: 3}\n"
    with fleet(tmp_path, app_name, server_url, workstreams, JOBS, "{processes: 1}") as project:
        for _ in range(3):
            project.start()
        for supervisor in project.supervisors:
            supervisor.wait_for_workers(1)
        for workstream, actor, seconds in SEND:
            project.send(workstream, actor, AT_FIRST, seconds)
        yield project


def wait_for_starts(project: Fleet, number: int) -> None:
    """Wait until so many more jobs have begun."""
    link = project.broker.link

    def begun() -> int:
        return int(link.scripts.client.hget(link.keys.workstream("slow", "count"), "started") or 0)

    first = begun()
    wait_until(lambda: begun() >= first + number, 30)


def restart_in_turn(project: Fleet) -> None:
    for supervisor in list(project.supervisors):
        wait_for_starts(project, 6)
        assert supervisor.stop() == 0
        project.start().wait_for_workers(1)
    wait_for_starts(project, 6)


def longest_pause(project: Fleet, workstream: str) -> float:
    """Seconds between two starts at most."""
    starts = sorted(line.at for line in project.noted(workstream))
    return max(later - sooner for sooner, later in pairwise(starts))


def test_a_rolling_restart_runs_every_job_once_and_pauses_no_workstream(busy: Fleet) -> None:
    with Sender(busy.broker, SEND, 0.02) as sender:
        restart_in_turn(busy)
    for workstream in STREAMS:
        busy.wait_until_empty(workstream, 60)
    for supervisor in busy.supervisors[3:]:
        assert supervisor.stop() == 0

    assert (sender.errors, sender.refused) == ([], [])
    assert Counter(busy.runs().values()) == {1: len(sender.sent) + AT_FIRST * len(SEND)}
    assert {line.job for line in busy.noted("end")} >= set(sender.sent)
    link = busy.broker.link
    ledger = Ledger(link.scripts.client, link.keys)
    assert ledger.left_over() == []
    assert [ledger.events(workstream)["reaped"] for workstream in STREAMS] == [0, 0]
    assert max(longest_pause(busy, workstream) for workstream in STREAMS) < LONGEST_PAUSE
