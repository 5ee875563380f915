from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from typing import Any

import dramatiq
import dramatiq.broker
import pytest
from dramatiq.brokers.stub import StubBroker

from workstreams.send.job import Job


class Recorder:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *words: self.asked.append((name, *words))


class Controlled(StubBroker):
    """A broker that carries out what is asked of jobs."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.operations = Recorder()


@pytest.fixture
def global_broker() -> Iterator[Controlled]:
    before = dramatiq.broker.global_broker
    made = Controlled()
    dramatiq.set_broker(made)
    yield made
    dramatiq.broker.global_broker = before


def test_a_method_is_carried_out_by_the_global_broker(global_broker: Controlled) -> None:
    job: Job[None] = Job("mail", "act", (), {}, {})
    job.status()
    job.wait("10s")
    job.result(timeout="5s")
    job.logs()
    job.cancel()
    job.retry()
    assert global_broker.operations.asked == [
        ("status", job),
        ("wait", job, "10s"),
        ("result", job, "5s"),
        ("logs", job),
        ("cancel", job),
        ("retry", job),
    ]


def test_a_job_stays_plain_data(global_broker: Controlled) -> None:
    job: Job[None] = Job("mail", "act", (1,), {"a": 2}, {"key": "k"})
    assert pickle.loads(pickle.dumps(job)) == job
    assert set(job.asdict()) == {field.name for field in dataclasses.fields(dramatiq.Message)}
    assert isinstance(job.copy(options={"cost": 2}), Job)
