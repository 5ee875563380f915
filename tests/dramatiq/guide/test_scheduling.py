"""https://dramatiq.io/guide.html: scheduling messages."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import dramatiq
import pytest

from tests.dramatiq.support import Start, State
from tests.support import wait_until
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker


@pytest.mark.parametrize("delay", [40, timedelta(milliseconds=40)])
def test_a_delayed_message_runs_after_its_delay(worker: Start, delay: Any) -> None:
    ran: list[float] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(time.monotonic())

    worker()
    began = time.monotonic()
    act.send_with_options(delay=delay)
    wait_until(lambda: ran)
    assert ran[0] - began >= 0.04


def test_a_delayed_message_does_not_hold_up_one_that_is_due_sooner(worker: Start, state: State) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act(n: int) -> None:
        ran.append(n)

    worker(threads=1)
    later = [act.send_with_options(args=(1,), delay=3_600_000) for _ in range(20)]
    act.send_with_options(args=(2,), delay=20)
    wait_until(lambda: ran)
    assert ran == [2]
    assert {state(message) for message in later} == {"scheduled"}


def test_a_message_may_be_delayed_for_longer_than_a_week(queues: WorkstreamBroker, state: State) -> None:
    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    assert state(act.send_with_options(delay=timedelta(days=60))) == "scheduled"


def test_an_eta_that_another_broker_left_in_a_message_is_its_time(
    worker: Start, queues: WorkstreamBroker, state: State
) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    later = {"eta": int(time.time() * 1000) + 60_000}
    message = queues.enqueue(Job("default.DQ", "act", (), {}, later))
    assert (state(message), message.options) == ("scheduled", {})
    worker()
    queues.enqueue(Job("default", "act", (), {}, {"eta": 1}))
    wait_until(lambda: ran)
