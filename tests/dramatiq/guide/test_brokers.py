"""https://dramatiq.io/guide.html: brokers, and unit tests of actors."""

from __future__ import annotations

import dramatiq

import workstreams
from tests.dramatiq.support import Start
from workstreams.wait.broker import WorkstreamBroker


def test_our_broker_is_set_as_the_global_one_like_any_other(queues: WorkstreamBroker) -> None:
    dramatiq.set_broker(queues)
    assert dramatiq.get_broker() is queues
    assert workstreams.current_broker() is queues


def test_a_test_joins_the_queue_and_then_the_worker(worker: Start, queues: WorkstreamBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    queues.flush_all()
    running = worker()
    act.send()
    act.send_with_options(delay=10)
    queues.join(act.queue_name, timeout=5_000)
    running.join()
    assert ran == [1, 1]
