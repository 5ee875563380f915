"""https://dramatiq.io/reference.html: brokers."""

from __future__ import annotations

import dramatiq
import pytest
from dramatiq.errors import ActorNotFound, QueueNotFound
from dramatiq.middleware import AgeLimit

import workstreams
from tests.dramatiq.support import Start, State
from workstreams.app import build_broker
from workstreams.wait.broker import WorkstreamBroker


def test_what_was_declared_can_be_asked_for(queues: WorkstreamBroker) -> None:
    @dramatiq.actor(queue_name="ui")
    def act() -> None:
        """Never runs."""

    assert queues.get_actor("act") is act
    assert queues.get_declared_actors() == {"act"}
    assert queues.get_declared_queues() == {"ui"}
    assert queues.get_declared_delay_queues() == set()
    with pytest.raises(ActorNotFound):
        queues.get_actor("other")


def test_the_results_backend_can_be_asked_for(queues: WorkstreamBroker) -> None:
    assert isinstance(queues.get_results_backend(), workstreams.StoredResults)
    with pytest.raises(RuntimeError):
        build_broker(middleware=[AgeLimit()]).get_results_backend()


def test_a_queue_that_nobody_declared_can_be_neither_consumed_joined_nor_flushed(
    queues: WorkstreamBroker,
) -> None:
    for use in (queues.consume, queues.join, queues.flush):
        with pytest.raises(QueueNotFound):
            use("nowhere")


def test_a_flush_drops_what_waits_is_delayed_or_is_dead_and_nothing_else(
    worker: Start, queues: WorkstreamBroker, state: State
) -> None:
    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    @dramatiq.actor(queue_name="ui")
    def other() -> None:
        """Runs."""

    messages = [act.send(), act.send_with_options(delay=60_000), other.send()]
    queues.flush("default")
    assert [state(message) for message in messages] == ["discarded", "discarded", "waiting"]
    queues.flush_all()
    queues.join("ui", timeout=100)
