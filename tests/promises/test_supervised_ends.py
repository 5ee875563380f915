"""How a worker process ends decides whom that counts against: in order nobody, otherwise what it ran."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.promises.fleet import fleet
from tests.support import wait_until

JOBS = """
@actor(workstream="work")
def leave(code):
    run(0)
    os._exit(code)
"""


@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_a_job_that_ends_its_process_counts_whatever_the_exit_code(
    tmp_path: Path, app_name: str, server_url: str, code: int
) -> None:
    worker = "{processes: 1, max_deliveries: 2}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", JOBS, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [bad] = project.send("work", "leave", 1, code)
        project.wait_until_empty("work")
        assert project.states("work", [bad]) == Counter(dead=1)
        assert project.runs()[bad] == 2
        died = wait_until(lambda: len(found := supervisor.events("worker_died")) >= 2 and found)
        assert [line["why"] for line in died[:2]] == [f"its process ended with exit code {code}"] * 2
        assert supervisor.stop() == 0


SLOW = """
import workstreams
from dramatiq.middleware import Middleware

class Slow(Middleware):
    def {hook}(self, broker, worker):
        time.sleep({seconds})  # something is loaded, or closed

workstreams.current_broker().add_middleware(Slow())

@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""

WARM_UP = SLOW.format(hook="after_worker_boot", seconds=2.5)
SLOW_END = SLOW.format(hook="after_worker_shutdown", seconds=2)


def test_a_boot_that_takes_longer_than_the_lease_costs_no_job_its_run(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 2, lease: 1s}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 2}\n", WARM_UP, worker) as project:
        ids = project.send("work", "nap", 4, 1.5)
        supervisor = project.start()
        project.wait_for_ends(ids)
        project.wait_until_empty("work")
        assert project.states("work", ids) == Counter(done=4)
        assert set(project.runs().values()) == {1}
        assert not project.events("work", "reaped")
        supervisor.wait_for_workers(2)
        assert supervisor.stop() == 0
        assert not supervisor.events("worker_died")


STUCK = """
@actor(workstream="work", timeout="1s", retries=0)
def stuck():
    note("start", current_job().id, current_job().delivery, os.getpid(), time.monotonic())
    while True:
        try:
            time.sleep(0.05)  # the work, which no interruption ends
        except BaseException:
            pass

@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""


def test_a_job_that_ignores_its_timeout_is_ended_after_the_bound_and_no_neighbour_for_it(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, lease: 1s, max_deliveries: 1, hard_bound: 1s}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 4}\n", STUCK, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [stuck] = project.send("work", "stuck", 1)
        # Some run on beyond the moment at which the first is ended; one thread takes the short ones.
        others = [*project.send("work", "nap", 2, 4), *project.send("work", "nap", 16, 0.2)]
        project.wait_for_ends(others)
        project.wait_until_empty("work")
        assert project.states("work", [stuck]) == Counter(dead=1)
        record = project.broker.link.keys.workstream("work", "job", stuck)
        assert b"TimeLimitExceeded" in project.broker.link.scripts.client.hget(record, "error")
        assert project.states("work", others) == Counter(done=len(others))
        assert set(project.runs().values()) == {1}
        assert [event["j"] for event in project.events("work", "reaped")] == [stuck]
        [died] = wait_until(lambda: supervisor.events("worker_died"))
        assert died["why"] == f"a job was past its hard bound: work/{stuck}~1"


CRASH = """
@actor(workstream="work")
def crash(number):
    run(0)
    current_job().log("about to crash")
    os.kill(os.getpid(), number)
    time.sleep(60)  # the signal ends it
"""


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (35, "signal 35")], ids=["SIGSEGV", "real-time"]
)
def test_a_crash_is_told_with_its_signal_and_the_last_words_of_the_interpreter(
    tmp_path: Path, app_name: str, server_url: str, number: int, name: str
) -> None:
    worker = "{processes: 1, max_deliveries: 1}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", CRASH, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [bad] = project.send("work", "crash", 1, int(number))
        project.wait_until_empty("work")
        assert project.states("work", [bad]) == Counter(dead=1)
        [reaped] = project.events("work", "reaped")
        assert f"its process was ended by {name}" in reaped["x"]
        link = project.broker.link
        tail = link.scripts.client.hget(link.keys.workstream("work", "job", bad), "tail")
        last = [orjson.loads(line) for line in orjson.loads(tail or b"[]")]
        assert last[0]["event"] == "about to crash"
        supervisor.wait_for_workers(2)
        if number == signal.SIGSEGV:
            printed = [line["text"] for line in last if line["event"] == "output"]
            assert "Fatal Python error: Segmentation fault" in printed
        assert supervisor.stop() == 0


def test_a_process_that_has_given_its_session_up_and_lingers_has_not_died(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, lease: 1s, recycle: {jobs: 1}}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", SLOW_END, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        project.wait_for_ends(project.send("work", "nap", 1, 0))
        # Renewals find that its session is over, several times.
        supervisor.wait_for_workers(2)
        assert supervisor.stop() == 0
        assert not supervisor.events("worker_died")


def test_a_process_is_not_replaced_for_a_weight_that_every_fresh_one_has(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, recycle: {memory: 20MiB}}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", SLOW_END, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [line] = wait_until(lambda: supervisor.events("recycling_impossible"))
        assert line["level"] == "error"
        assert "found 20MiB" in line["why"]
        # Longer than it takes to look at the weight.
        ids = project.send("work", "nap", 4, 0.3)
        project.wait_for_ends(ids)
        assert len(supervisor.workers()) == 1


DEAF = """
import ctypes

@actor(workstream="work", retries=0)
def hold():
    note("start", current_job().id, current_job().delivery, os.getpid(), time.monotonic())
    # A call into C that keeps the interpreter: nothing else in the process runs on.
    ctypes.PyDLL(None).sleep(50)  # the work, which nothing interrupts
"""


def test_an_overdue_job_that_lets_its_process_hear_nothing_is_ended_with_it_all_the_same(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, lease: 1s, grace: 1s, max_deliveries: 1, hard_bound: 1s}"
    workstreams = "  work: {threads: 2, timeout: 1s}\n"
    with fleet(tmp_path, app_name, server_url, workstreams, DEAF, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [bad] = project.send("work", "hold", 1)
        project.wait_until_empty("work")
        assert project.states("work", [bad]) == Counter(dead=1)
        assert project.runs()[bad] == 1
        [died] = wait_until(lambda: supervisor.events("worker_died"))
        assert died["why"] == f"a job was past its hard bound: work/{bad}~1"
