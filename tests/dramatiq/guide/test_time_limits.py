"""https://dramatiq.io/guide.html: time limits."""

from __future__ import annotations

import time

import dramatiq
from dramatiq.middleware import TimeLimitExceeded

from tests.dramatiq.support import Ended, Start
from tests.support import wait_until


def test_an_actor_may_handle_its_time_limit(worker: Start, ended: Ended) -> None:
    steps: list[str] = []

    @dramatiq.actor(time_limit=50)
    def long_running() -> None:
        try:
            steps.append("setup")
            for _ in range(500):
                time.sleep(0.01)  # the work, which is to be interrupted
            steps.append("launch")
        except TimeLimitExceeded:
            steps.append("teardown")

    worker()
    ended(long_running.send(), "done")
    assert steps == ["setup", "teardown"]


def test_an_actor_that_exceeds_its_time_limit_fails_and_is_retried(worker: Start) -> None:
    ran: list[int] = []

    @dramatiq.actor(time_limit=50)
    def long_running() -> None:
        ran.append(1)
        if len(ran) == 1:
            for _ in range(500):
                time.sleep(0.01)  # the work, which is to be interrupted

    worker()
    long_running.send()
    wait_until(lambda: len(ran) == 2)


def test_an_actor_may_have_no_time_limit(worker: Start, ended: Ended) -> None:
    @dramatiq.actor(time_limit=float("inf"))
    def act() -> None:
        """Returns at once."""

    worker()
    ended(act.send(), "done")
