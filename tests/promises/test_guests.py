"""I2 and I3 for blocks outside of jobs: processes of others take from the limits of a fleet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lua.test_rates import most_within
from tests.meters import Meter
from tests.promises.fleet import Fleet, fleet
from tests.promises.test_i3_concurrency import most_at_once
from tests.support import wait_until
from workstreams.store.client import producer_client
from workstreams.store.keys import Keys

JOBS = """
@actor(workstream="work")
def act(seconds):
    run(seconds)
"""

#: What comes from outside: so many threads, each so many blocks of so many seconds.
GUEST = """
import os, sys, threading, time
import workstreams
from fleet_jobs import note

name, threads, blocks, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def visit(thread):
    for number in range(blocks):
        with workstreams.limit(name) as block:
            me = f"guest{os.getpid()}.{thread}.{number}"
            note("start", me, 1, os.getpid(), time.monotonic())
            time.sleep(seconds)  # the work
            note("end", me, 1, os.getpid(), time.monotonic())
        if block.lost:
            note("lost", me, 1, os.getpid(), time.monotonic())

all_of_them = [threading.Thread(target=visit, args=(n,)) for n in range(threads)]
for one in all_of_them:
    one.start()
for one in all_of_them:
    one.join()
"""

YAML = "  work: {{within: [account], threads: 8}}\nlimits:\n  account: {limit}\n"
LEASE = 2.0


@contextmanager
def guest(project: Fleet, *words: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that comes from outside."""
    script = project.folder / "guest.py"
    script.write_text(GUEST)
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, words)], cwd=project.folder, env=project.environ
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def entered(project: Fleet, pid: int) -> int:
    """How many blocks of a process have begun."""
    return sum(line.pid == pid for line in project.noted("start"))


def crowd(project: Fleet, jobs: int, blocks: int, seconds: float) -> None:
    """Jobs, and twice three threads from outside with so many blocks each, all at the same time."""
    project.start().wait_for_workers(2)
    ids = project.send("work", "act", jobs, seconds)
    with (
        guest(project, "account", 3, blocks, seconds) as one,
        guest(project, "work", 3, blocks, seconds) as two,
    ):
        assert [one.wait(40), two.wait(40)] == [0, 0]
    project.wait_for_ends(ids)


@pytest.fixture
def keys(app_name: str) -> Keys:
    return Keys(app_name)


def test_no_more_than_the_slots_are_inside_at_any_instant_jobs_or_not(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    yaml = YAML.format(limit="{concurrency: 3}")
    with fleet(tmp_path, app_name, server_url, yaml, JOBS) as project:
        crowd(project, 80, 8, 0.02)
        assert len(project.noted("end")) == 80 + 48
        assert most_at_once(project) == 3
        assert project.noted("lost") == []


def test_no_window_holds_more_than_the_rate_jobs_or_not(
    tmp_path: Path, app_name: str, server_url: str, keys: Keys
) -> None:
    # The hour's log is exact, and remembers every start at Redis's own time.
    yaml = YAML.format(limit="{rate: [30/s, 200/h]}")
    with fleet(tmp_path, app_name, server_url, yaml, JOBS) as project:
        crowd(project, 90, 10, 0)
    with producer_client(server_url) as client:
        stored: Any = client.get(keys.limit("account", "meter", str(3_600_000_000)))
    starts = [at for at, cost in Meter.of(stored).entries for _ in range(int(cost))]
    assert len(starts) == 90 + 60
    assert most_within(starts, 1_010_000) == 30


def test_what_a_process_held_that_was_killed_is_free_when_its_lease_is_over(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    yaml = YAML.format(limit="{concurrency: 2}")
    with fleet(tmp_path, app_name, server_url, yaml, JOBS, "{processes: 1, lease: 2s}") as project:
        project.start().wait_for_workers(1)
        with guest(project, "account", 2, 1, 600) as holder:
            wait_until(lambda: entered(project, holder.pid) == 2, 20)
            ids = project.send("work", "act", 4, 0)
            time.sleep(LEASE + 0.5)  # nothing happens: the lease, which is shorter, is renewed
            assert entered(project, holder.pid) == 2
            assert len(project.noted("start")) == 2
            os.kill(holder.pid, signal.SIGKILL)
            killed = time.monotonic()
            # No other guest is there that would look: the workers do.
            project.wait_for_ends(ids, 10)
        first = min(line.at for line in project.noted("start") if line.job in ids)
        assert first - killed <= LEASE + 1


def test_a_process_that_was_frozen_is_told_and_gives_back_nothing_of_others(
    tmp_path: Path, app_name: str, server_url: str, keys: Keys
) -> None:
    yaml = YAML.format(limit="{concurrency: 1}")
    with (
        fleet(tmp_path, app_name, server_url, yaml, JOBS, "{processes: 1, lease: 1s}") as project,
        producer_client(server_url) as client,
        guest(project, "account", 1, 1, 4) as frozen,
    ):
        wait_until(lambda: entered(project, frozen.pid) == 1, 20)
        os.kill(frozen.pid, signal.SIGSTOP)
        with guest(project, "account", 1, 1, 600) as other:
            wait_until(lambda: entered(project, other.pid) == 1, 20)
            os.kill(frozen.pid, signal.SIGCONT)
            assert frozen.wait(20) == 0
            assert [line.pid for line in project.noted("lost")] == [frozen.pid]
            assert client.zcard(keys.limit("account", "holders")) == 1


def test_a_forked_process_leaves_its_parents_slot_alone(
    tmp_path: Path, app_name: str, server_url: str, keys: Keys
) -> None:
    code = """
import os, workstreams
from fleet_jobs import note
with workstreams.limit("account", timeout="5s"):
    child = os.fork()
    if child == 0:
        pass
    else:
        assert os.waitpid(child, 0)[1] == 0
        try:
            with workstreams.limit("account", timeout="200ms"):
                raise SystemExit("the child gave the slot back")
        except workstreams.LimitTimeout:
            pass
if child == 0:
    # A fork takes for itself.
    try:
        with workstreams.limit("account", timeout=0):
            os._exit(1)
    except workstreams.LimitTimeout:
        os._exit(0)
with workstreams.limit("account", timeout=0):
    pass
"""
    yaml = YAML.format(limit="{concurrency: 1}")
    with fleet(tmp_path, app_name, server_url, yaml, JOBS) as project:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project.folder,
            env=project.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
