"""https://dramatiq.io/cookbook.html: results."""

from __future__ import annotations

import threading
import time
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import SkipMessage
from dramatiq.results import ResultFailure, ResultMissing, Results, ResultTimeout

import workstreams
from tests.dramatiq.support import Ended, Start, declare_add
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_result_is_stored_and_read(worker: Start) -> None:
    add = declare_add()
    worker()
    assert add.send(1, 2).get_result(block=True) == 3


def test_who_waits_for_a_result_is_told_at_once(worker: Start) -> None:
    release = threading.Event()

    @dramatiq.actor(store_results=True)
    def act() -> str:
        release.wait(5)
        return "done"

    worker()
    message = act.send()
    released: list[float] = []

    def let_go() -> None:
        released.append(time.monotonic())
        release.set()

    threading.Timer(0.1, let_go).start()
    assert message.get_result(block=True, timeout=10_000) == "done"
    # Far below the second after which it would look by itself.
    assert time.monotonic() - released[0] < 0.8


def test_a_result_that_is_not_there_is_missing_or_times_out(worker: Start) -> None:
    message = declare_add().send(1, 2)
    with pytest.raises(ResultMissing):
        message.get_result()
    began = time.monotonic()
    with pytest.raises(ResultTimeout):
        message.get_result(block=True, timeout=120)
    assert time.monotonic() - began >= 0.12


def test_the_result_of_a_failed_message_is_its_error(worker: Start) -> None:
    @dramatiq.actor(store_results=True, max_retries=1)
    def fails() -> None:
        raise ValueError("no")

    worker()
    with pytest.raises(ResultFailure, match="actor raised ValueError: no") as caught:
        fails.send().get_result(block=True, timeout=10_000)
    assert (caught.value.orig_exc_type, caught.value.orig_exc_msg) == ("ValueError", "no")


def test_who_waits_for_a_failure_is_not_kept_waiting_even_if_no_result_is_stored(worker: Start) -> None:
    @dramatiq.actor(max_retries=0)
    def fails() -> None:
        raise ValueError("no")

    worker()
    with pytest.raises(ResultFailure, match="ValueError"):
        fails.send().get_result(block=True, timeout=10_000)


def test_the_result_of_a_retried_message_comes_with_the_last_attempt(worker: Start) -> None:
    attempts: list[int] = []

    @dramatiq.actor(store_results=True)
    def act() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return len(attempts)

    worker()
    assert act.send().get_result(block=True, timeout=10_000) == 3


def test_the_result_of_a_skipped_message_is_none(worker: Start, queues: WorkstreamBroker) -> None:
    class Skips(dramatiq.Middleware):
        def before_process_message(self, *_: Any) -> None:
            raise SkipMessage("not today")

    add = declare_add()
    queues.add_middleware(Skips())
    worker()
    assert add.send(1, 2).get_result(block=True, timeout=5_000) is None


def test_the_result_of_a_message_that_is_too_old_is_its_failure(worker: Start) -> None:
    @dramatiq.actor(store_results=True, max_age=1)
    def act() -> None:
        """Never runs."""

    message = act.send()
    time.sleep(0.01)  # older than the max_age of 1 ms
    worker()
    with pytest.raises(ResultFailure, match="age limit"):
        message.get_result(block=True, timeout=5_000)


def test_a_result_is_kept_for_ten_minutes_unless_its_actor_says_otherwise(
    worker: Start, queues: WorkstreamBroker
) -> None:
    add = declare_add()

    @dramatiq.actor(store_results=True, result_ttl=60)
    def soon_forgotten() -> int:
        return 1

    worker()
    kept, forgotten = add.send(1, 2), soon_forgotten.send()
    assert kept.get_result(block=True) == 3
    assert forgotten.get_result(block=True) == 1
    key = queues.link.keys.workstream("default", "result", kept.message_id)
    assert 590_000 < queues.link.scripts.client.pttl(key) <= 600_000
    gone = queues.link.keys.workstream("default", "result", forgotten.message_id)
    wait_until(lambda: not queues.link.scripts.client.exists(gone))
    with pytest.raises(ResultMissing):
        forgotten.get_result()


def test_results_are_not_stored_unless_an_actor_or_the_middleware_says_so(
    worker: Start, queues: WorkstreamBroker
) -> None:
    @dramatiq.actor
    def act() -> int:
        return 1

    @dramatiq.actor(store_results=False)
    def never() -> int:
        return 1

    worker()
    message = act.send()
    queues.join("default", timeout=5_000)
    with pytest.raises(ResultMissing):
        message.get_result()
    queues.add_middleware(
        Results(backend=workstreams.StoredResults(queues), store_results=True, result_ttl=5_000)
    )
    assert len([one for one in queues.middleware if isinstance(one, Results)]) == 1
    assert act.send().get_result(block=True) == 1
    with pytest.raises(ResultTimeout):
        never.send().get_result(block=True, timeout=200)


def test_a_result_that_json_cannot_carry_is_a_failure_to_who_asks_for_it(worker: Start, ended: Ended) -> None:
    @dramatiq.actor(store_results=True)
    def act() -> object:
        return object()

    worker()
    message = act.send()
    with pytest.raises(ResultFailure, match="can be stored"):
        message.get_result(block=True, timeout=5_000)
    ended(message, "done")
