"""https://dramatiq.io/guide.html: error handling and retries."""

from __future__ import annotations

import itertools
import time
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage, Retries

from tests.conftest import MakeConfig
from tests.dramatiq.support import Ended, Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def declare_failing(**options: Any) -> tuple[dramatiq.Actor[[], None], list[int]]:
    """An actor that always fails, and its runs."""
    ran: list[int] = []

    @dramatiq.actor(**options)
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

    return fails, ran


def test_a_failed_message_is_tried_again_with_growing_waits_and_sees_how_often(worker: Start) -> None:
    seen: list[tuple[float, Any, Any]] = []

    @dramatiq.actor(min_backoff=20, max_backoff=10_000)
    def fails() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        found = message.options
        seen.append((time.monotonic(), found.get("retries", 0), found.get("traceback", "")))
        if len(seen) < 4:
            raise ValueError("not yet")

    worker()
    fails.send()
    wait_until(lambda: len(seen) == 4)
    waits = [after[0] - before[0] for before, after in itertools.pairwise(seen)]
    # 20, 40, 80 ms, and a fifth of each left to chance.
    assert waits[0] >= 0.016
    assert waits[1] >= 0.032
    assert waits[2] >= 0.064
    assert [retries for _, retries, _ in seen] == [0, 1, 2, 3]
    assert "ValueError: not yet" in seen[1][2]


@pytest.mark.parametrize(("most", "runs"), [(0, 1), (2, 3)])
def test_a_message_is_retried_at_most_so_many_times_and_then_it_is_dead(
    worker: Start, ended: Ended, most: int, runs: int
) -> None:
    fails, ran = declare_failing(max_retries=most)
    worker()
    ended(fails.send(), "dead")
    assert len(ran) == runs


def test_a_message_has_retry_options_of_its_own(worker: Start, ended: Ended) -> None:
    fails, ran = declare_failing(max_retries=20)
    worker()
    ended(fails.send_with_options(max_retries=1, min_backoff=1, max_backoff=2), "dead")
    assert len(ran) == 2


def test_retries_without_end_are_asked_for_with_none(worker: Start) -> None:
    ran: list[int] = []

    @dramatiq.actor(max_retries=None, max_backoff=1)
    def fails() -> None:
        ran.append(1)
        if len(ran) < 22:
            raise ValueError("no")

    worker()
    fails.send()
    wait_until(lambda: len(ran) == 22)


def test_a_predicate_decides_instead_of_the_count(worker: Start, ended: Ended) -> None:
    asked: list[tuple[int, str]] = []

    def should_retry(retries_so_far: int, exception: BaseException) -> bool:
        asked.append((retries_so_far, str(exception)))
        return retries_so_far < 2

    @dramatiq.actor(retry_when=should_retry, max_retries=0)
    def fails() -> None:
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert asked == [(0, "no"), (1, "no"), (2, "no")]


@pytest.mark.parametrize("throws", [ValueError, (KeyError, ValueError)])
def test_an_error_that_an_actor_throws_on_purpose_is_not_retried(
    worker: Start, ended: Ended, throws: Any
) -> None:
    fails, ran = declare_failing(throws=throws)
    worker()
    ended(fails.send(), "dead")
    assert ran == [1]


def test_the_least_wait_of_an_actor_may_be_longer_than_its_workstreams_longest(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    @dramatiq.actor(min_backoff=60_000)
    def fails() -> None:
        raise ValueError("no")

    worker()
    message = fails.send()
    ended(message, "scheduled")
    record = queues.link.scripts.client.hgetall(
        queues.link.keys.workstream("default", "job", message.message_id)
    )
    assert (int(record[b"due"]) - int(record[b"started"])) / 1e6 >= 48


def test_a_workstream_says_how_its_messages_are_retried_where_neither_they_nor_their_actors_do(
    worker: Start, queues: WorkstreamBroker, make_config: MakeConfig, ended: Ended
) -> None:
    queues.configure(make_config(default={"retries": {"max": 1, "min_backoff": "1ms"}}))
    fails, ran = declare_failing()
    worker()
    ended(fails.send(), "dead")
    assert len(ran) == 2


def test_the_values_of_a_retries_middleware_hold_for_all_and_it_does_not_retry_beside_ours(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    queues.add_middleware(Retries(max_retries=2, min_backoff=1, max_backoff=2))
    assert not any(isinstance(one, Retries) for one in queues.middleware)
    fails, ran = declare_failing()
    worker()
    ended(fails.send(), "dead")
    assert len(ran) == 3
