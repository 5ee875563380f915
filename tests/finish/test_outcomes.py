"""Promises I1 and I4 under the stock worker: what ends with a job ends with it once, or not at all."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from dramatiq.middleware import Interrupt, Middleware, SkipMessage

import workstreams
from tests.conftest import MakeConfig
from tests.support import events_in, wait_until, working
from workstreams.finish.signals import Discard, RateLimited
from workstreams.wait.broker import WorkstreamBroker

QUICK = {"max": 3, "min_backoff": "10ms", "max_backoff": "20ms"}


@pytest.fixture
def mail(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    broker.configure(make_config(mail={"retries": QUICK, "concurrency": 3}, text={"retries": QUICK}))
    return broker


class Looker:
    """Reads what stands in Redis."""

    def __init__(self, broker: WorkstreamBroker) -> None:
        self.client, self.keys = broker.link.scripts.client, broker.link.keys

    def job(self, job_id: str, workstream: str = "mail") -> dict[str, str]:
        found = self.client.hgetall(self.keys.workstream(workstream, "job", job_id))
        return {name.decode(): value.decode() for name, value in found.items()}

    def state(self, job_id: str) -> str:
        return self.job(job_id).get("state", "gone")

    def running(self) -> int:
        return int(self.client.zcard(self.keys.workstream("mail", "running")))

    def events(self, name: str) -> int:
        return len(events_in(self.client, self.keys.workstream("mail", "log"), name))


@pytest.fixture
def redis_of(mail: WorkstreamBroker) -> Looker:
    return Looker(mail)


def test_a_failed_job_is_retried_and_then_done(mail: WorkstreamBroker, redis_of: Looker) -> None:
    runs: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("not yet")

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "done")
    assert len(runs) == 3
    assert redis_of.job(job.id)["attempt"] == "2"
    assert json.loads(redis_of.job(job.id)["error"])["message"] == "not yet"


def test_a_job_that_used_up_its_retries_is_dead_and_the_named_actor_is_told_once(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    told: list[Any] = []

    @workstreams.actor(workstream="text")
    def undertaker(message: dict[str, Any], retries: dict[str, Any]) -> None:
        told.append((message["message_id"], retries["retries"]))

    @workstreams.actor(workstream="mail", retries=1, on_dead="undertaker")
    def act() -> None:
        raise ValueError("never")

    with working(mail):
        job = act.send()
        wait_until(lambda: told)
        mail.join("text", timeout=5_000)
    assert redis_of.state(job.id) == "dead"
    assert told == [(job.id, 1)]


def test_a_rate_limited_job_waits_and_spends_no_attempt(mail: WorkstreamBroker, redis_of: Looker) -> None:
    attempts: list[int] = []

    @workstreams.actor(workstream="mail", retries=0)
    def act() -> None:
        attempts.append(workstreams.current_job().attempt)
        if len(attempts) < 4:
            raise RateLimited(retry_after="10ms")

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "done")
    assert attempts == [1, 1, 1, 1]
    assert redis_of.events("rate_limited") == 3


def test_a_discarded_job_ends_without_a_retry(mail: WorkstreamBroker, redis_of: Looker) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None:
        raise Discard("the order was cancelled")

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "discarded")
    assert "cancelled" in redis_of.job(job.id)["error"]


def test_a_job_that_runs_too_long_is_interrupted_and_retried(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    attempts: list[int] = []

    @workstreams.actor(workstream="mail", timeout="150ms")
    def act() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            # In Python steps: a thread is interrupted between two of them.
            wait_until(lambda: False, timeout=30)

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "done")
    assert len(attempts) == 2


def test_the_steps_of_a_pipeline_follow_each_other(mail: WorkstreamBroker) -> None:
    arrived: list[int] = []

    @workstreams.actor(workstream="mail")
    def add(x: int, y: int) -> int:
        return x + y

    @workstreams.actor(workstream="text")
    def keep(x: int) -> None:
        arrived.append(x)

    with working(mail):
        (add.message(1, 2) | add.message(10) | keep.message()).run()
        wait_until(lambda: arrived)
    assert arrived == [13]


def test_callbacks_are_sent_with_the_finish(mail: WorkstreamBroker, redis_of: Looker) -> None:
    succeeded, failed = [], []

    @workstreams.actor(workstream="text")
    def on_success(message: dict[str, Any], result: int) -> None:
        succeeded.append(result)

    @workstreams.actor(workstream="text")
    def on_failure(message: dict[str, Any], error: dict[str, Any]) -> None:
        failed.append(error["message"])

    @workstreams.actor(workstream="mail", retries=0)
    def act(good: bool) -> int:
        if not good:
            raise ValueError("no")
        return 7

    with working(mail):
        act.send_with(args=(True,), on_success=on_success, on_failure=on_failure)
        act.send_with(args=(False,), on_success=on_success, on_failure=on_failure)
        wait_until(lambda: succeeded and failed)
        mail.join("text", timeout=5_000)
    assert (succeeded, failed) == ([7], ["no"])


def test_what_ends_with_a_job_whose_lease_was_lost_does_not_happen(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    arrived: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    @workstreams.actor(workstream="text")
    def keep(x: int) -> None:
        arrived.append(x)

    @workstreams.actor(workstream="mail")
    def act() -> int:
        first = not begun.is_set()
        begun.set()
        if first:
            go_on.wait(10)
            return 1
        return 2

    with working(mail):
        (act.message() | keep.message()).run()
        assert begun.wait(5)
        # Another process takes the job over: only its lease is gone, the session goes on.
        held = [
            key
            for key in redis_of.client.scan_iter(match=redis_of.keys.root + "held:*")
            if redis_of.client.zcard(key)
        ]
        redis_of.client.zremrangebyrank(held[0], 0, -1)
        # What is done by hand is seen a second later, or when another library did something.
        redis_of.client.hset(redis_of.keys.clock, "by", "")
        go_on.set()
        wait_until(lambda: redis_of.events("finish_refused") == 1)
        mail.join("text", timeout=5_000)
        assert arrived == []
        # Set right by hand, so that the worker's end finds nothing running.
        redis_of.client.delete(redis_of.keys.workstream("mail", "running"))


def test_what_a_job_sends_while_it_runs_is_sent_at_once(mail: WorkstreamBroker, redis_of: Looker) -> None:
    sent, go_on = threading.Event(), threading.Event()
    ran = threading.Event()

    @workstreams.actor(workstream="text")
    def other() -> None:
        ran.set()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        other.send()
        sent.set()
        go_on.wait(10)

    with working(mail):
        act.send()
        assert ran.wait(5)
        go_on.set()
        mail.join("mail", timeout=5_000)


def test_a_thread_that_ended_a_job_captures_nothing_of_the_next(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    ran: list[int] = []

    @workstreams.actor(workstream="text")
    def other(n: int) -> None:
        ran.append(n)

    @workstreams.actor(workstream="mail")
    def act(n: int) -> None:
        other.send(n)

    with working(mail, threads=2):
        act.send_many([(n,) for n in range(20)])
        wait_until(lambda: len(ran) == 20)
    assert sorted(ran) == list(range(20))


def test_a_skipped_message_is_discarded(mail: WorkstreamBroker, redis_of: Looker) -> None:
    class Skips(Middleware):
        def before_process_message(self, *_: Any) -> None:
            raise SkipMessage("not today")

    mail.add_middleware(Skips())

    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Never runs."""

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "discarded")


def test_a_job_of_an_unknown_actor_is_handed_back_with_a_reason(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Here, but not the one that is asked for."""

    with working(mail):
        job = workstreams.send("mail", "of_the_next_release")
        wait_until(lambda: redis_of.events("handed_back") == 1)
        assert redis_of.state(job.id) == "scheduled"
    assert redis_of.job(job.id).get("attempt", "0") == "0"


class Spans(Middleware):
    """Keeps an object in a message's options, as tracing does, and a word that can travel."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        message.options["span"] = object()
        message.options["trace"] = "t1"


def test_what_json_cannot_carry_in_the_options_costs_neither_the_retry_nor_its_count(
    mail: WorkstreamBroker, redis_of: Looker, capsys: pytest.CaptureFixture[str]
) -> None:
    mail.add_middleware(Spans())
    runs: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("no")

    with working(mail):
        job = act.send_with(args=(), tenant="acme")
        wait_until(lambda: redis_of.state(job.id) == "done")
    options = json.loads(redis_of.job(job.id)["options"])
    assert (options["retries"], options["tenant"], options["trace"]) == (1, "acme", "t1")
    assert "span" not in options
    assert (len(runs), redis_of.running(), redis_of.events("retrying")) == (2, 0, 1)
    assert "options_left_out" in capsys.readouterr().out


def test_what_json_cannot_carry_in_the_options_keeps_no_one_from_hearing_of_the_last_retry(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    mail.add_middleware(Spans())
    told: list[Any] = []

    @workstreams.actor(workstream="text")
    def exhausted(message: dict[str, Any], retries: dict[str, Any]) -> None:
        told.append((message["message_id"], message["options"]["trace"], retries["retries"]))

    @workstreams.actor(workstream="mail", retries=1, on_retry_exhausted="exhausted")
    def act() -> None:
        raise ValueError("never")

    with working(mail):
        job = act.send()
        wait_until(lambda: told)
    assert told == [(job.id, "t1", 1)]
    assert redis_of.state(job.id) == "dead"


def test_an_error_whose_text_is_no_text_is_no_reason_to_forget_a_skipped_message(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    class Skips(Middleware):
        def before_process_message(self, _: Any, message: Any) -> None:
            message.fail()
            raise SkipMessage("half a surrogate pair: \ud800")

    mail.add_middleware(Skips())

    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Never runs."""

    with working(mail):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "dead")
    assert "half a surrogate pair" in redis_of.job(job.id)["error"]


class Interrupts(Middleware):
    """An asynchronous exception that lands in a later hook, once."""

    def __init__(self) -> None:
        self.left = 1

    def after_process_message(self, *_: Any, **__: Any) -> None:
        if self.left:
            self.left -= 1
            raise Interrupt


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", ["before all others", "last but one"])
def test_an_interrupt_in_a_later_hook_of_a_failing_job_makes_it_a_retry(
    mail: WorkstreamBroker, redis_of: Looker, place: str
) -> None:
    runs: list[int] = []
    interrupts = Interrupts()
    if place == "before all others":
        mail.add_middleware(interrupts, before=type(mail.middleware[0]))
    else:
        mail.add_middleware(interrupts)

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("no")

    with working(mail, threads=3):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "done")
        assert redis_of.running() == 0
        assert redis_of.events("retrying") == 1
    assert (len(runs), interrupts.left) == (2, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", ["before all others", "last but one"])
def test_an_interrupt_in_a_later_hook_of_a_pipelines_step_makes_it_a_retry_and_the_next_step_happens_once(
    mail: WorkstreamBroker, redis_of: Looker, place: str
) -> None:
    runs: list[int] = []
    arrived: list[int] = []
    interrupts = Interrupts()
    if place == "before all others":
        mail.add_middleware(interrupts, before=type(mail.middleware[0]))
    else:
        mail.add_middleware(interrupts)

    @workstreams.actor(workstream="text")
    def keep(n: int) -> None:
        arrived.append(n)

    @workstreams.actor(workstream="mail")
    def act() -> int:
        runs.append(1)
        return len(runs)

    with working(mail, threads=3):
        (act.message() | keep.message()).run()
        wait_until(lambda: arrived)
        mail.join("mail", timeout=5_000)
        mail.join("text", timeout=5_000)
        assert redis_of.running() == 0
        assert redis_of.events("retrying") == 1
    assert (len(runs), arrived, interrupts.left) == (2, [2], 0)
