"""https://dramatiq.io/guide.html"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import Retries, TimeLimitExceeded

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until
from workstreams.errors import PayloadError
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

Start = Callable[..., dramatiq.Worker]
State = Callable[[Any], str]
Ended = Callable[[Any, str], None]


# Actors


def test_an_actor_is_called_like_the_function_it_was(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def count_words(text: str) -> int:
        return len(text.split())

    assert count_words("two words") == 2


@pytest.mark.parametrize("decorate", [dramatiq.actor, workstreams.actor])
def test_a_sent_message_is_returned_and_run_by_a_worker_later(worker: Start, decorate: Any) -> None:
    ran: list[Any] = []

    @decorate
    def count_words(*args: Any, **kwargs: Any) -> None:
        ran.append((args, kwargs))

    message = count_words.send("a", n=1)
    assert isinstance(message, dramatiq.Message)
    assert (message.queue_name, message.actor_name) == ("default", "count_words")
    assert (message.args, message.kwargs, message.options) == (("a",), {"n": 1}, {})
    assert ran == []
    worker()
    wait_until(lambda: ran)
    assert ran == [(("a",), {"n": 1})]


def test_an_actor_of_dramatiqs_own_decorator_has_its_queue_and_name(
    worker: Start, queues: WorkstreamBroker
) -> None:
    @dramatiq.actor(queue_name="ui", actor_name="other")
    def act() -> None:
        """Does nothing."""

    @workstreams.actor(queue_name="ui", actor_name="ours")
    def mine() -> None:
        """Does nothing."""

    for one, name in ((act, "other"), (mine, "ours")):
        message = one.send()
        assert (message.queue_name, message.actor_name) == ("ui", name)
    worker()
    queues.join("ui", timeout=5_000)


def test_arguments_that_json_cannot_carry_are_refused_at_the_send(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def act(x: Any) -> None:
        """Never runs."""

    with pytest.raises(PayloadError):
        act.send(object())


# Error handling and retries


def test_a_failed_message_is_tried_again_with_growing_waits_and_sees_how_often(worker: Start) -> None:
    seen: list[tuple[float, Any, Any]] = []

    @dramatiq.actor(min_backoff=20, max_backoff=10_000)
    def fails() -> None:
        options = (
            workstreams.current_broker().actors and dramatiq.middleware.CurrentMessage.get_current_message()
        )
        assert options is not None
        found = options.options
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
    ran: list[int] = []

    @dramatiq.actor(max_retries=most)
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert len(ran) == runs


def test_a_message_has_retry_options_of_its_own(worker: Start, ended: Ended) -> None:
    ran: list[int] = []

    @dramatiq.actor(max_retries=20)
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

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
    ran: list[int] = []

    @dramatiq.actor(throws=throws)
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

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
    ran: list[int] = []
    queues.configure(make_config(default={"retries": {"max": 1, "min_backoff": "1ms"}}))

    @dramatiq.actor
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert len(ran) == 2


def test_the_values_of_a_retries_middleware_hold_for_all_and_it_does_not_retry_beside_ours(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    ran: list[int] = []
    queues.add_middleware(Retries(max_retries=2, min_backoff=1, max_backoff=2))
    assert not any(isinstance(one, Retries) for one in queues.middleware)

    @dramatiq.actor
    def fails() -> None:
        ran.append(1)
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert len(ran) == 3


# Age limits and dead letters


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


# Time limits


def test_an_actor_may_handle_its_time_limit(worker: Start, ended: Ended) -> None:
    steps: list[str] = []

    @dramatiq.actor(time_limit=50)
    def long_running() -> None:
        try:
            steps.append("setup")
            for _ in range(500):
                time.sleep(0.01)  # the work, which is to be interrupted
            steps.append("launch")
        except TimeLimitExceeded:
            steps.append("teardown")

    worker()
    ended(long_running.send(), "done")
    assert steps == ["setup", "teardown"]


def test_an_actor_that_exceeds_its_time_limit_fails_and_is_retried(worker: Start) -> None:
    ran: list[int] = []

    @dramatiq.actor(time_limit=50)
    def long_running() -> None:
        ran.append(1)
        if len(ran) == 1:
            for _ in range(500):
                time.sleep(0.01)  # the work, which is to be interrupted

    worker()
    long_running.send()
    wait_until(lambda: len(ran) == 2)


def test_an_actor_may_have_no_time_limit(worker: Start, ended: Ended) -> None:
    @dramatiq.actor(time_limit=float("inf"))
    def act() -> None:
        """Returns at once."""

    worker()
    ended(act.send(), "done")


# Scheduling messages


@pytest.mark.parametrize("delay", [40, timedelta(milliseconds=40)])
def test_a_delayed_message_runs_after_its_delay(worker: Start, delay: Any) -> None:
    ran: list[float] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(time.monotonic())

    worker()
    began = time.monotonic()
    act.send_with_options(delay=delay)
    wait_until(lambda: ran)
    assert ran[0] - began >= 0.04


def test_a_delayed_message_does_not_hold_up_one_that_is_due_sooner(worker: Start, state: State) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act(n: int) -> None:
        ran.append(n)

    worker(threads=1)
    later = [act.send_with_options(args=(1,), delay=3_600_000) for _ in range(20)]
    act.send_with_options(args=(2,), delay=20)
    wait_until(lambda: ran)
    assert ran == [2]
    assert {state(message) for message in later} == {"scheduled"}


def test_a_message_may_be_delayed_for_longer_than_a_week(queues: WorkstreamBroker, state: State) -> None:
    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    assert state(act.send_with_options(delay=timedelta(days=60))) == "scheduled"


def test_an_eta_that_another_broker_left_in_a_message_is_its_time(
    worker: Start, queues: WorkstreamBroker, state: State
) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    later = {"eta": int(time.time() * 1000) + 60_000}
    message = queues.enqueue(Job("default.DQ", "act", (), {}, later))
    assert (state(message), message.options) == ("scheduled", {})
    worker()
    queues.enqueue(Job("default", "act", (), {}, {"eta": 1}))
    wait_until(lambda: ran)


# Priorities


def run_in_order(worker: Start, sends: list[Callable[[], Any]], ran: list[str]) -> list[str]:
    for send in sends:
        send()
    worker(threads=1)
    wait_until(lambda: len(ran) == len(sends))
    return ran


def test_of_two_waiting_messages_the_one_whose_actors_number_is_lower_runs_first(worker: Start) -> None:
    ran: list[str] = []

    @dramatiq.actor(priority=10)
    def sync_order_to_warehouse() -> None:
        ran.append("sync")

    @dramatiq.actor(priority=0)
    def generate_report() -> None:
        ran.append("report")

    assert run_in_order(worker, [sync_order_to_warehouse.send, generate_report.send], ran) == [
        "report",
        "sync",
    ]


@pytest.mark.parametrize("decorate", [dramatiq.actor, workstreams.actor])
def test_a_priority_in_words_orders_in_the_store_and_never_reaches_dramatiqs_queue(
    worker: Start, decorate: Any
) -> None:
    ran: list[str] = []

    @decorate(priority="low")
    def low() -> None:
        ran.append("low")

    @decorate(priority="high")
    def high() -> None:
        ran.append("high")

    @decorate
    def normal() -> None:
        ran.append("normal")

    assert (low.priority, high.priority) == (0, 0)
    assert run_in_order(worker, [low.send, normal.send, high.send], ran) == ["high", "normal", "low"]


# Brokers and unit tests


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
