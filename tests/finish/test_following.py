"""What follows a job is sent with its finish, and what a job sends while it runs is not."""

from __future__ import annotations

import threading
from typing import Any

import workstreams
from tests.finish.conftest import Looker
from tests.support import lose_leases, wait_until, working
from workstreams.wait.broker import WorkstreamBroker


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
        lose_leases(mail.link)
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
