"""https://dramatiq.io/guide.html: age limits and dead letters."""

from __future__ import annotations

import time

import dramatiq

from tests.dramatiq.support import Ended, Start
from workstreams.wait.broker import WorkstreamBroker


def test_a_message_that_waited_too_long_is_dead_and_never_runs(worker: Start, ended: Ended) -> None:
    ran: list[int] = []

    @dramatiq.actor(max_age=1)
    def act() -> None:
        ran.append(1)

    message = act.send()
    time.sleep(0.01)  # older than the max_age of 1 ms
    worker()
    ended(message, "dead")
    assert ran == []


def test_a_dead_letter_is_kept_with_its_error_and_can_be_read(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    @dramatiq.actor(max_retries=0)
    def fails(n: int) -> None:
        raise ValueError(f"no {n}")

    worker()
    message = fails.send(7)
    ended(message, "dead")
    client, keys = queues.link.scripts.client, queues.link.keys
    assert client.zscore(keys.workstream("default", "dead"), message.message_id) is not None
    record = client.hgetall(keys.workstream("default", "job", message.message_id))
    assert b"no 7" in record[b"error"]
    assert b'"args":[7]' in record[b"body"]
