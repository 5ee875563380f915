"""Promises I1 and I4 under the stock worker: what ends with a job ends with it once, or not at all."""

from __future__ import annotations

import json
from typing import Any

from dramatiq.middleware import Middleware, SkipMessage

import workstreams
from tests.finish.conftest import Looker
from tests.support import wait_until, working
from workstreams.finish.signals import Discard, RateLimited
from workstreams.wait.broker import WorkstreamBroker


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
