"""What a job's methods do, under a stock Dramatiq worker in this process."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import dramatiq
import dramatiq.brokers.stub
import pytest

import workstreams
from tests.conftest import MakeConfig
from tests.support import working
from workstreams.errors import JobNotFound, JobTimeout, NoResult, WrongJobState
from workstreams.run.running_job import RunningJob
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def mail(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    retries = {"max": 1, "min_backoff": "5ms", "max_backoff": "10ms"}
    broker.configure(make_config(mail={"retries": retries}, other=None))
    return broker


def test_a_job_tells_why_it_waits_and_how_it_ended(mail: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None: ...

    job = act.send()
    assert (job.status().state, job.status().hold.why) == ("waiting", "no worker")
    with working(mail):
        ended = job.wait(timeout="10s")
    assert (ended.state, ended.has_ended) == ("done", True)
    assert [line["event"] for line in job.logs()] == ["sent", "started", "finished"]


def test_a_wait_ends_with_the_job_and_not_with_its_first_attempt(mail: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None:
        raise ValueError("never")

    with working(mail):
        ended = act.send().wait(timeout=timedelta(seconds=10))
    assert (ended.state, ended.attempt) == ("dead", 2)
    assert ended.error is not None
    assert ended.error["message"] == "never"


def test_a_result_can_be_waited_for(mail: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail", store_results=True)
    def double(n: int) -> int:
        return 2 * n

    @workstreams.actor(workstream="mail", store_results=True, retries=0)
    def fail() -> None:
        raise ValueError("never")

    with working(mail):
        assert double.send(21).result(timeout="10s") == 42
        with pytest.raises(dramatiq.results.ResultFailure, match="never"):
            fail.send().result(timeout="10s")


def test_where_no_result_is_kept_the_job_says_so(mail: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None: ...

    job = act.send()
    with pytest.raises(NoResult, match="it is waiting"):
        job.result()
    with pytest.raises(JobTimeout):
        job.wait(timeout="20ms")
    with pytest.raises(ValueError, match="timeout"):
        job.wait(timeout="20")


def test_a_job_is_found_by_its_id_in_whatever_workstream_it_is(mail: WorkstreamBroker) -> None:
    sent = workstreams.send("other", "act", 1, "two", kwargs={"three": 3}, key="k")
    found = workstreams.job(sent.id)
    assert (found.workstream, found.actor_name, found.args, found.kwargs) == (
        "other",
        "act",
        (1, "two"),
        {"three": 3},
    )
    assert found == sent
    with pytest.raises(JobNotFound):
        workstreams.job("none")


def test_a_cancelled_job_never_runs_and_may_be_retried(mail: WorkstreamBroker) -> None:
    runs: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)

    job = act.send()
    assert job.cancel() == "cancelled"
    assert job.cancel() == "cancelled"
    assert job.status().state == "cancelled"
    with working(mail):
        act.send().wait(timeout="10s")
        assert len(runs) == 1
        job.retry()
        assert job.wait(timeout="10s").state == "done"
    assert len(runs) == 2
    with pytest.raises(WrongJobState, match="found it done"):
        job.cancel()


def test_what_waits_cannot_be_retried(mail: WorkstreamBroker) -> None:
    job = workstreams.send("mail", "act")
    with pytest.raises(WrongJobState, match="found it waiting"):
        job.retry()


def work_until_interrupted(running: threading.Event) -> None:
    running.set()
    while True:
        time.sleep(0.005)  # the work


def test_a_running_job_is_interrupted_may_clean_up_and_is_not_retried(mail: WorkstreamBroker) -> None:
    running, cleaned = threading.Event(), threading.Event()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        try:
            work_until_interrupted(running)
        except workstreams.Cancelled:
            cleaned.set()
            raise

    @workstreams.actor(workstream="mail")
    def quick() -> None: ...

    with working(mail):
        job = act.send()
        assert running.wait(10)
        assert job.cancel() == "cancelling"
        ended = job.wait(timeout="10s")
        assert (ended.state, ended.attempt, cleaned.is_set()) == ("cancelled", 1, True)
        # The thread lives, and nothing of the cancel is left for the next jobs.
        assert [quick.send().wait(timeout="10s").state for _ in range(10)] == ["done"] * 10
    assert [line["event"] for line in job.logs()] == ["sent", "started", "cancelling", "cancelled"]


def test_a_job_that_fails_while_it_is_interrupted_is_cancelled_all_the_same(mail: WorkstreamBroker) -> None:
    running = threading.Event()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        try:
            work_until_interrupted(running)
        except workstreams.Cancelled:
            raise ValueError("it could not clean up") from None

    with working(mail):
        job = act.send()
        assert running.wait(10)
        job.cancel()
        assert job.wait(timeout="10s").state == "cancelled"


def test_a_cancel_that_nobody_heard_is_found_when_the_worker_listens_again(mail: WorkstreamBroker) -> None:
    running = threading.Event()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        work_until_interrupted(running)

    with working(mail):
        job = act.send()
        assert running.wait(10)
        client, keys = mail.link.scripts.client, mail.link.keys
        # As job_cancel marks it, without the word that is lost.
        client.hset(keys.workstream("mail", "job", job.id), "cancel", "1")
        listening = [one for one in client.client_list(_type="pubsub") if _hears(mail, one)]
        for one in listening:
            client.client_kill_filter(_id=one["id"])
        assert job.wait(timeout="10s").state == "cancelled"


def _hears(mail: WorkstreamBroker, one: dict[str, str]) -> bool:
    """Whether this connection may be that of the worker: others are only made to subscribe again."""
    return int(one["sub"]) == 2


def test_of_many_reports_of_progress_few_are_written_and_the_last_one_is(
    mail: WorkstreamBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[float] = []
    running = next(one for one in mail.middleware if isinstance(one, RunningJob))
    monkeypatch.setattr(running, "_write", lambda _, fields: said.append(fields["fraction"]))

    @workstreams.actor(workstream="mail")
    def act() -> None:
        for n in range(101):
            workstreams.current_job().progress(n / 100, step="counting")

    with working(mail):
        act.send().wait(timeout="10s")
    assert (said[0], said[-1]) == (0.0, 1.0)
    assert len(said) < 20


def test_a_method_without_our_broker_says_what_is_missing(mail: WorkstreamBroker) -> None:
    job = workstreams.send("mail", "act")
    before = dramatiq.get_broker()
    dramatiq.set_broker(dramatiq.brokers.stub.StubBroker())
    try:
        with pytest.raises(TypeError, match="found a StubBroker"):
            job.status()
    finally:
        dramatiq.set_broker(before)
