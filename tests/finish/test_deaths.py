"""Whoever is named by ``on_dead`` is told of every death, once, however it came about."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from dramatiq import Middleware
from dramatiq.middleware import SkipMessage

import workstreams
from tests.conftest import MakeConfig
from tests.support import events_in, wait_until, working
from workstreams.declare.publishing import publish
from workstreams.send.actor import WorkstreamActor
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

Act = WorkstreamActor[Any, Any]
#: What the actor was told: the message of the dead job, and why.
Told = list[tuple[dict[str, Any], dict[str, Any]]]
WORKSTREAMS: dict[str, Any] = {"mail": {"retries": {"max": 0}, "rate": "100/s"}, "text": None}


@pytest.fixture
def mail(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    broker.configure(make_config(**WORKSTREAMS))
    return broker


@pytest.fixture
def told(mail: WorkstreamBroker) -> Told:
    found: Told = []

    @workstreams.actor(workstream="text", priority="high")
    def undertaker(message: dict[str, Any], death: dict[str, Any]) -> None:
        found.append((message, death))

    return found


@pytest.fixture
def act(told: Told) -> Act:
    @workstreams.actor(workstream="mail", on_dead="undertaker")
    def act(*args: Any) -> None:
        raise ValueError("no")

    return act


def fails(broker: WorkstreamBroker, act: Act) -> None:
    """It fails, and may not be tried again."""


def is_failed_by_a_middleware(broker: WorkstreamBroker, act: Act) -> None:
    class Fails(Middleware):
        def after_process_message(self, _: Any, message: Any, **__: Any) -> None:
            if message.actor_name == "act":
                message.fail()

    broker.add_middleware(Fails())
    act.fn = lambda *args: None


def is_skipped_and_failed(broker: WorkstreamBroker, act: Act) -> None:
    class Skips(Middleware):
        def before_process_message(self, _: Any, message: Any) -> None:
            if message.actor_name == "act":
                message.fail()
                raise SkipMessage("not today")

    broker.add_middleware(Skips())


def has_a_step_that_cannot_be_sent(broker: WorkstreamBroker, act: Act) -> None:
    class Sends(Middleware):
        def after_process_message(self, one: Any, message: Any, **__: Any) -> None:
            if message.actor_name == "act":
                one.enqueue(Job("nowhere", "act", (), {}, {}))

    broker.add_middleware(Sends())
    act.fn = lambda *args: None


def costs_too_much(broker: WorkstreamBroker, act: Act) -> None:
    """The rate was lowered while it waited."""
    client, keys = broker.link.scripts.client, broker.link.keys
    for key in client.scan_iter(match=keys.workstream("mail", "job", "*")):
        client.hset(key, "cost", "500")


def cannot_be_read(broker: WorkstreamBroker, act: Act) -> None:
    client, keys = broker.link.scripts.client, broker.link.keys
    for key in client.scan_iter(match=keys.workstream("mail", "job", "*")):
        client.hset(key, "body", "half of a bo")


@pytest.mark.parametrize(
    ("dies_because_it", "kind"),
    [
        (fails, "ValueError"),
        (is_failed_by_a_middleware, "Failed"),
        (is_skipped_and_failed, "SkipMessage"),
        (has_a_step_that_cannot_be_sent, "UnknownWorkstream"),
        (costs_too_much, "CostTooHigh"),
        (cannot_be_read, "PayloadError"),
    ],
)
def test_it_is_told_once_of_a_job_that(
    mail: WorkstreamBroker,
    told: Told,
    act: Act,
    dies_because_it: Callable[[WorkstreamBroker, Act], None],
    kind: str,
) -> None:
    publish(mail.config, mail.link.scripts)
    job = act.send(1, [], {"n": 2**60})
    dies_because_it(mail, act)
    with working(mail):
        assert job.wait(timeout="10s").state == "dead"  # type: ignore[attr-defined]  # a Job
        wait_until(lambda: told)
        mail.join("text", timeout=5_000)
    [(message, death)] = told
    assert (message["message_id"], message["actor_name"], message["queue_name"]) == (
        job.message_id,
        "act",
        "mail",
    )
    assert (death["type"], death["retries"], death["max_retries"]) == (kind, 0, 0)
    if dies_because_it is not cannot_be_read:
        # As it was sent: neither a large number nor an empty list is changed on the way.
        assert (message["args"], message["kwargs"]) == ([1, [], {"n": 2**60}], {})


def test_it_is_told_again_when_a_retried_job_dies_again(mail: WorkstreamBroker, told: Told, act: Act) -> None:
    with working(mail):
        job: Any = act.send()
        job.wait(timeout="10s")
        job.retry()
        wait_until(lambda: len(told) == 2)
        mail.join("text", timeout=5_000)
    assert [message["message_id"] for message, _ in told] == [job.id, job.id]
    assert len(told) == 2


def test_a_job_sent_by_name_and_one_that_names_another_are_told_of_as_well(
    mail: WorkstreamBroker, told: Told, act: Act
) -> None:
    others: list[str] = []

    @workstreams.actor(workstream="text")
    def another(message: dict[str, Any], death: dict[str, Any]) -> None:
        others.append(message["message_id"])

    with working(mail):
        by_name = workstreams.send("mail", "act")
        own = act.send_with(on_dead="another")
        wait_until(lambda: told and others)
        mail.join("text", timeout=5_000)
    assert [message["message_id"] for message, _ in told] == [by_name.id]
    assert others == [own.id]


def test_who_is_told_waits_as_its_own_jobs_do(mail: WorkstreamBroker, told: Told, act: Act) -> None:
    with working(mail):
        job: Any = act.send()
        wait_until(lambda: told)
    state = workstreams.job(f"{job.id}:dead~1").status()
    assert state.record()["options"]["priority"] == "high"
    assert state.record()["workstream"] == "text"


def test_a_cancelled_job_is_no_death(mail: WorkstreamBroker, told: Told) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @workstreams.actor(workstream="mail", on_dead="undertaker")
    def dies_over_its_cancel() -> None:
        begun.set()
        go_on.wait(10)
        raise ValueError("no")

    with working(mail):
        job: Any = dies_over_its_cancel.send()
        assert begun.wait(10)
        job.cancel()
        go_on.set()
        assert job.wait(timeout="10s").state == "cancelled"
        mail.join("text", timeout=5_000)
    assert told == []


def test_a_job_that_is_sent_again_while_it_fails_for_good_is_no_death(
    mail: WorkstreamBroker, told: Told
) -> None:
    runs: list[int] = []

    @workstreams.actor(workstream="mail", on_dead="undertaker", on_retry_exhausted="undertaker")
    def again() -> None:
        runs.append(1)
        if len(runs) == 1:
            mail.enqueue(workstreams.job(workstreams.current_job().id))
            raise ValueError("no")

    with working(mail):
        job: Any = again.send()
        assert job.wait(timeout="10s").state == "done"
        mail.join("text", timeout=5_000)
    assert (len(runs), told) == (2, [])


def test_a_name_that_no_worker_knows_is_said_and_costs_nothing_else(mail: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail", on_dead="nobody")
    def act() -> None:
        raise ValueError("no")

    with working(mail):
        job: Any = act.send()
        assert job.wait(timeout="10s").state == "dead"
        log = mail.link.keys.workstream("mail", "log")
        [event] = wait_until(lambda: events_in(mail.link.scripts.client, log, "on_dead_failed"))
    assert event["j"] == job.id
    assert '"nobody"' in json.loads(event["x"])["reason"]


def test_an_actor_without_on_dead_writes_nothing_of_it_with_its_jobs(
    mail: WorkstreamBroker, act: Act
) -> None:
    job = act.send()
    record = mail.link.scripts.client.hkeys(mail.link.keys.workstream("mail", "job", job.message_id))
    assert sorted(record) == [b"actor", b"body", b"options", b"score", b"sent", b"state", b"v"]
