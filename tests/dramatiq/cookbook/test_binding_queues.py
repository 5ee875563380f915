"""https://dramatiq.io/cookbook.html: binding worker groups to queues."""

from __future__ import annotations

import dramatiq

from tests.dramatiq.support import Start, State
from workstreams.wait.broker import WorkstreamBroker


def test_a_worker_bound_to_queues_takes_from_no_other(
    worker: Start, queues: WorkstreamBroker, state: State
) -> None:
    ran: list[str] = []

    @dramatiq.actor
    def very_slow() -> None:
        ran.append("slow")

    @dramatiq.actor(queue_name="ui")
    def very_important() -> None:
        ran.append("important")

    worker(queues={"ui"})
    slow, important = very_slow.send(), very_important.send()
    queues.join("ui", timeout=5_000)
    assert (ran, state(slow), state(important)) == (["important"], "waiting", "done")
