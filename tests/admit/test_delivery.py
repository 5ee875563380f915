from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest

import workstreams
from tests.admit.test_lane import delivery
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker


def test_a_finish_names_the_delivery_and_how_long_it_ran() -> None:
    one = delivery("a")
    assert one.finish("done") == {"w": "mail", "i": "a", "d": 1, "o": "done"}
    one.begin()
    timed = one.finish("retry", at=5)
    assert (timed["o"], timed["at"]) == ("retry", 5)
    assert timed["us"] >= 0


def test_it_is_the_message_to_everybody_else() -> None:
    one = delivery("a")
    assert (one.message_id, one.queue_name, one.actor_name, one.failed) == ("a", "mail", "act", False)
    one.fail()
    assert one.failed


class WhenItFails(logging.Handler):
    """Does something while Dramatiq's worker logs a failure, and gives an interrupt time to come."""

    def __init__(self, do: Callable[[], object]) -> None:
        super().__init__()
        self._do = do

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("Failed to process message"):
            self._do()


def long_enough(seconds: float) -> None:
    """Steps of Python, between which a thread can be interrupted."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)  # one of the steps


@pytest.mark.parametrize("how", ["cancelled", "too long"])
def test_an_interrupt_that_comes_when_a_job_has_failed_ends_no_thread_of_the_worker(
    how: str, broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"retries": {"max": 0}}))
    sent: list[Job[Any]] = []

    def interrupt() -> None:
        if how == "cancelled":
            sent[0].cancel()
        long_enough(1.0)

    @workstreams.actor(workstream="mail", timeout="30s" if how == "cancelled" else "500ms")
    def fails() -> None:
        wait_until(lambda: sent)
        raise ValueError("no")

    handler, log = WhenItFails(interrupt), logging.getLogger("dramatiq.worker.WorkerThread")
    log.addHandler(handler)
    try:
        with working(broker) as worker:
            sent.append(fails.send())
            ended = sent[0].wait(timeout="10s")
            assert ended.state == ("cancelled" if how == "cancelled" else "dead")
            wait_until(lambda: not unfinished(worker))
            assert all(thread.is_alive() for thread in worker.workers)
    finally:
        log.removeHandler(handler)


def unfinished(worker: dramatiq.Worker) -> int:
    found: int = worker.work_queue.unfinished_tasks
    return found
