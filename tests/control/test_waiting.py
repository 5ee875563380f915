from __future__ import annotations

import threading
import time

import pytest

from tests.control.conftest import Desk
from tests.support import listening, wait_until
from workstreams.control import cancel_jobs, discard_dead, purge, wait_for_end
from workstreams.control import waiting as module
from workstreams.errors import JobNotFound, JobTimeout

LONG = 10_000_000


class Waiter(threading.Thread):
    """Waits beside the test, and says how that ended."""

    def __init__(self, desk: Desk, job: str) -> None:
        super().__init__(daemon=True)
        self.desk, self.job, self.state = desk, job, ""

    def run(self) -> None:
        self.state = wait_for_end(self.desk.link, "mail", self.job, LONG)

    def heard(self) -> str:
        """Start, wait until it listens, and let the test end the job."""
        self.start()
        channel = module.ended_channel(self.desk.link, self.job)
        wait_until(lambda: self.desk.rig.client.pubsub_numsub(channel)[0][1])
        return channel


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is told ends a wait in time."""
    monkeypatch.setattr(module, "LOOK", 60.0)


@pytest.mark.parametrize(("outcome", "state"), [("done", "done"), ("dead", "dead"), ("discard", "discarded")])
def test_the_end_of_a_run_is_told_to_who_waits(desk: Desk, outcome: str, state: str) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    waiter = Waiter(desk, job)
    waiter.heard()
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end(outcome))
    waiter.join(10)
    assert waiter.state == state


def test_who_waited_before_a_run_began_is_told_of_its_end(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    assert desk.rig.scripts.run("job_await", {"workstream": "mail", "job": job}) == b"waiting"
    [given] = desk.rig.ask("s1", "mail").grants
    with listening(desk.rig.client, module.ended_channel(desk.link, job)) as ears:
        desk.rig.tell("s1", given.end("done"))
        assert wait_until(lambda: ears.get_message(timeout=0.1))["data"] == b"done"


@pytest.mark.parametrize("how", ["cancel", "purge", "discard"])
def test_an_end_from_outside_is_told_as_well(desk: Desk, how: str) -> None:
    [job] = desk.rig.send("mail")
    if how == "discard":
        desk.rig.open("s1", "mail")
        [given] = desk.rig.ask("s1", "mail").grants
    waiter = Waiter(desk, job)
    waiter.heard()
    if how == "cancel":
        cancel_jobs(desk.link, "mail", [job])
    elif how == "purge":
        purge(desk.link, "mail", "waiting")
    else:
        desk.rig.tell("s1", given.end("dead"))
        discard_dead(desk.link, "mail", [job])
    waiter.join(10)
    assert waiter.state in ("cancelled", "discarded", "dead")


def test_a_retry_is_no_end(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    waiter = Waiter(desk, job)
    waiter.heard()
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end("retry"))
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end("done"))
    waiter.join(10)
    assert waiter.state == "done"


def test_what_has_ended_is_not_waited_for(desk: Desk) -> None:
    [job] = desk.rig.send("mail")
    cancel_jobs(desk.link, "mail", [job])
    assert wait_for_end(desk.link, "mail", job, 0) == "cancelled"


def test_when_the_time_is_over_the_wait_ends_and_the_job_does_not(desk: Desk) -> None:
    [job] = desk.rig.send("mail")
    begun = time.monotonic()
    with pytest.raises(JobTimeout, match="found it waiting") as caught:
        wait_for_end(desk.link, "mail", job, 50_000)
    assert time.monotonic() - begun < 5
    assert caught.value.state == "waiting"
    assert isinstance(caught.value, TimeoutError)
    assert desk.rig.state("mail", job) == "waiting"


def test_an_end_that_nobody_told_is_found_by_looking(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.05)
    [job] = desk.rig.send("mail")
    waiter = Waiter(desk, job)
    waiter.heard()
    desk.rig.client.hset(desk.rig.keys.workstream("mail", "job", job), "state", "dead")
    waiter.join(10)
    assert waiter.state == "dead"


def test_a_job_that_is_not_kept_is_not_waited_for_and_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(JobNotFound):
        wait_for_end(desk.link, "mail", "none", LONG)
    assert not desk.rig.client.exists(desk.rig.keys.workstream("mail", "job", "none"))
