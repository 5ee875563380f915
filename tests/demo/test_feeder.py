from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from dramatiq import Message

from tests.store.servers import wait_until
from workstreams.demo import feeder as module
from workstreams.demo.feeder import Feeder
from workstreams.demo.inputs import webhook_jobs
from workstreams.errors import RedisUnavailable, WorkstreamFull
from workstreams.send.job import Job


class Recorder:
    """A broker that keeps what it is given, after what the test wants to happen first."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.calls: list[list[str]] = []
        self._before = before

    def enqueue_many(self, messages: Iterable[Message[Any]], *, due: str = "") -> list[Job[Any]]:
        jobs = [Job.of(message) for message in messages]
        self.calls.append([job.id for job in jobs])
        self._before()
        return jobs


def test_everything_is_sent_once_in_order_and_in_batches() -> None:
    broker, jobs = Recorder(), webhook_jobs()
    feeder = Feeder(broker, jobs)
    feeder.start()
    wait_until(lambda: not feeder.busy)
    assert [job_id for call in broker.calls for job_id in call] == [job.id for job in jobs]
    assert [len(call) for call in broker.calls] == [250] * 4


def test_while_redis_is_away_the_same_jobs_are_tried_again_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = threading.Event()
    away.set()

    def before() -> None:
        if away.is_set():
            raise RedisUnavailable("expected Redis, found none")

    monkeypatch.setattr(module, "_PAUSE", 0.01)
    broker, jobs = Recorder(before), webhook_jobs()[:10]
    feeder = Feeder(broker, jobs)
    feeder.start()
    wait_until(lambda: len(broker.calls) > 2 and feeder.trouble == "expected Redis, found none")
    away.clear()
    wait_until(lambda: not feeder.busy)
    assert feeder.trouble == ""
    assert all(call == broker.calls[0] for call in broker.calls)


def test_what_cannot_get_better_ends_it_and_is_told() -> None:
    def before() -> None:
        raise WorkstreamFull("webhooks", 3)

    feeder = Feeder(broker := Recorder(before), webhook_jobs())
    feeder.start()
    wait_until(lambda: not feeder.busy)
    assert len(broker.calls) == 1
    assert '"webhooks"' in feeder.trouble


def test_a_stop_waits_for_the_batch_on_its_way_and_sends_no_other() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def before() -> None:
        reached.set()
        go_on.wait(10)

    feeder = Feeder(broker := Recorder(before), webhook_jobs())
    feeder.start()
    assert reached.wait(10)
    stopper = threading.Thread(target=feeder.stop)
    stopper.start()
    wait_until(feeder._stop.is_set)
    assert stopper.is_alive()
    go_on.set()
    stopper.join(10)
    assert not feeder.busy
    assert len(broker.calls) == 1


def test_one_that_was_never_started_can_be_stopped() -> None:
    feeder = Feeder(Recorder(), ())
    feeder.stop()
    assert not feeder.busy
