"""https://dramatiq.io/cookbook.html: callbacks."""

from __future__ import annotations

from typing import Any

import dramatiq

from tests.dramatiq.support import Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_another_actor_is_told_of_each_success_with_the_message_and_the_result(worker: Start) -> None:
    told: list[Any] = []

    @dramatiq.actor
    def identity(x: int) -> int:
        return x

    @dramatiq.actor
    def print_result(message_data: dict[str, Any], result: int) -> None:
        told.append((message_data["message_id"], result))

    worker()
    message = identity.send_with_options(args=(42,), on_success=print_result)
    wait_until(lambda: told)
    assert told == [(message.message_id, 42)]


def test_another_actor_is_told_of_every_failed_attempt_even_if_it_is_retried(
    worker: Start, queues: WorkstreamBroker
) -> None:
    told: list[Any] = []

    @dramatiq.actor
    def print_error(message_data: dict[str, Any], exception_data: dict[str, Any]) -> None:
        told.append((exception_data["type"], exception_data["message"]))

    @dramatiq.actor(max_retries=2, on_failure="print_error")
    def fails() -> None:
        raise ValueError("no")

    worker()
    fails.send()
    queues.join("default", timeout=10_000)
    assert told == [("ValueError", "no")] * 3
