"""An exception that lands asynchronously in a hook loses no job, no slot and no thread for good."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.promises.fleet import fleet

# Dramatiq's hooks are left by an Interrupt: the message is acked and the worker thread dies.
NASTY = """
import workstreams
from dramatiq.middleware import Interrupt, Middleware

class Nasty(Middleware):
    def after_process_message(self, broker, message, *, result=None, exception=None):
        if message.grant.attempt == 1 and (exception is not None) is {fails}:
            raise Interrupt("injected")

workstreams.current_broker().add_middleware(Nasty())

@actor(workstream="work")
def job():
    run(0)
    if {fails} and current_job().attempt == 1:
        raise ValueError("the first attempt fails")
"""


WORK = "  work: {concurrency: 1, threads: 1, retries: {max: 3, min_backoff: 10ms}}\n"


def test_after_a_failing_job_it_means_a_retry_and_a_fresh_process(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    jobs = NASTY.format(fails=True)
    with fleet(tmp_path, app_name, server_url, WORK, jobs, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        ids = project.send("work", "job", 1)
        # The interrupt killed the only thread; a second process means that the first was replaced.
        supervisor.wait_for_workers(2)
        assert supervisor.events("thread_lost")
        project.wait_until_empty("work")
        assert project.states("work", ids) == Counter(done=1)
        assert project.runs()[ids[0]] == 2
        # The one slot came back: another job can have it.
        project.wait_for_ends(project.send("work", "job", 1))


def test_after_a_job_that_succeeded_it_means_a_retry_too(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    jobs = NASTY.format(fails=False)
    with fleet(tmp_path, app_name, server_url, WORK, jobs, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        ids = project.send("work", "job", 1)
        project.wait_for_ends(ids)
        project.wait_until_empty("work")
        # What later hooks were to send may not have been sent: only another run makes it whole.
        assert project.runs()[ids[0]] == 2
        assert project.states("work", ids) == Counter(done=1)
