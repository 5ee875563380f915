"""https://dramatiq.io/cookbook.html"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq import group, pipeline
from dramatiq.middleware import GroupCallbacks, SkipMessage
from dramatiq.rate_limits import BucketRateLimiter, ConcurrentRateLimiter, WindowRateLimiter
from dramatiq.results import ResultFailure, ResultMissing, Results, ResultTimeout

import workstreams
from tests.support import events_in, wait_until
from workstreams.wait.broker import WorkstreamBroker

Start = Callable[..., dramatiq.Worker]
State = Callable[[Any], str]
Ended = Callable[[Any, str], None]


def declare_add() -> dramatiq.Actor[..., Any]:
    @dramatiq.actor(store_results=True)
    def add(x: int, y: int) -> int:
        return x + y

    return add


# Callbacks


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


# Groups


def test_a_group_runs_its_members_in_parallel_and_can_be_waited_for(worker: Start) -> None:
    together = threading.Barrier(3)

    @dramatiq.actor(store_results=True)
    def meet(n: int) -> int:
        together.wait(5)
        return n

    worker()
    members = group([meet.message(n) for n in range(3)]).run()
    members.wait(timeout=10_000)
    assert list(members.get_results()) == [0, 1, 2]
    assert (members.completed, members.completed_count, len(members)) == (True, 3, 3)


def test_the_results_of_a_group_come_in_the_order_of_its_members(worker: Start) -> None:
    slow = threading.Event()

    @dramatiq.actor(store_results=True)
    def act(n: int) -> int:
        if n == 0:
            slow.wait(5)
        else:
            slow.set()
        return n

    worker()
    members = group([act.message(0), act.message(1)]).run()
    assert list(members.get_results(block=True, timeout=5_000)) == [0, 1]


def test_a_group_that_is_not_finished_says_so(worker: Start, queues: WorkstreamBroker) -> None:
    add = declare_add()
    members = group([add.message(1, 2), add.message(3, 4)]).run()
    assert (members.completed, members.completed_count) == (False, 0)
    with pytest.raises(ResultMissing):
        list(members.get_results())
    with pytest.raises(ResultTimeout):
        members.wait(timeout=50)


def test_a_group_and_a_pipeline_may_hold_pipelines_and_groups_may_hold_groups(worker: Start) -> None:
    add = declare_add()
    worker()
    inner = group([add.message(1, 1), add.message(2, 2)])
    members = group([add.message(1, 2) | add.message(3), inner]).run()
    assert list(members.get_results(block=True, timeout=5_000)) == [6, [2, 4]]


def test_a_group_is_delayed_as_a_whole(worker: Start, state: State) -> None:
    add = declare_add()
    members = group([add.message(1, 2), add.message(3, 4)]).run(delay=60_000)
    assert [state(message) for message in members.children] == ["scheduled", "scheduled"]


def test_completion_callbacks_run_once_after_the_last_member(worker: Start, queues: WorkstreamBroker) -> None:
    done: list[int] = []
    seen: list[tuple[str, int]] = []
    go = threading.Event()

    @dramatiq.actor
    def member(n: int) -> None:
        if n == 0:
            go.wait(5)
        done.append(n)

    @dramatiq.actor(queue_name="ui")
    def finalize(name: str) -> None:
        seen.append((name, len(done)))

    worker()
    members = group([member.message(n) for n in range(5)])
    members.add_completion_callback(finalize.message("a"))
    members.add_completion_callback(finalize.message("b"))
    members.run()
    wait_until(lambda: len(done) == 4)
    assert seen == []
    go.set()
    wait_until(lambda: len(seen) == 2)
    for name in ("default", "ui"):
        queues.join(name, timeout=5_000)
    assert sorted(seen) == [("a", 5), ("b", 5)]


def test_a_pipeline_in_a_group_is_a_member_that_is_done_with_its_last_step(
    worker: Start, queues: WorkstreamBroker
) -> None:
    steps: list[str] = []

    @dramatiq.actor
    def step(name: str, _: Any = None) -> str:
        steps.append(name)
        return name

    @dramatiq.actor
    def finalize() -> None:
        steps.append("end")

    worker()
    members = group([step.message("a1") | step.message("a2") | step.message("a3"), step.message("b")])
    members.add_completion_callback(finalize.message())
    members.run()
    wait_until(lambda: "end" in steps)
    assert (sorted(steps[:-1]), steps[-1]) == (["a1", "a2", "a3", "b"], "end")


def test_a_member_that_is_retried_counts_once_and_a_dead_one_never(
    worker: Start, queues: WorkstreamBroker
) -> None:
    attempts: list[int] = []
    ended: list[str] = []

    @dramatiq.actor(max_retries=3)
    def member(n: int) -> None:
        attempts.append(n)
        if n == 0 and attempts.count(0) < 3:
            raise ValueError("not yet")
        if n == 9:
            raise ValueError("never")

    @dramatiq.actor
    def finalize(name: str) -> None:
        ended.append(name)

    worker()
    for name, last in (("good", 2), ("bad", 9)):
        members = group([member.message(0), member.message(1), member.message(last)])
        members.add_completion_callback(finalize.message(name))
        members.run()
    queues.join("default", timeout=10_000)
    assert ended == ["good"]


def test_a_member_whose_finish_was_refused_is_not_counted_until_it_is_run_again(
    worker: Start, queues: WorkstreamBroker
) -> None:
    runs: list[int] = []
    ended: list[int] = []
    begun, go_on = threading.Event(), threading.Event()
    client, keys = queues.link.scripts.client, queues.link.keys

    @dramatiq.actor
    def member() -> None:
        runs.append(1)
        if len(runs) == 1:
            begun.set()
            go_on.wait(10)

    @dramatiq.actor
    def finalize() -> None:
        ended.append(len(runs))

    worker()
    members = group([member.message()])
    members.add_completion_callback(finalize.message())
    members.run()
    assert begun.wait(5)
    # Its lease is lost, as when another process took the job over.
    for held in client.scan_iter(match=keys.root + "held:*"):
        client.delete(held)
    # What is done by hand is seen a second later, or when another library did something.
    client.hset(keys.clock, "by", "")
    go_on.set()
    refused = keys.workstream("default", "log")
    wait_until(lambda: events_in(client, refused, "finish_refused"))
    assert ended == []
    client.delete(keys.workstream("default", "running"))


def test_the_documented_way_to_set_up_group_callbacks_keeps_the_counts_in_our_store(
    worker: Start, queues: WorkstreamBroker
) -> None:
    ended: list[int] = []
    queues.add_middleware(GroupCallbacks(workstreams.LimiterBackend(queues), barrier_ttl=5_000))
    assert len([one for one in queues.middleware if isinstance(one, GroupCallbacks)]) == 1

    @dramatiq.actor
    def member() -> None:
        """Does nothing."""

    @dramatiq.actor
    def finalize() -> None:
        ended.append(1)

    members = group([member.message(), member.message()])
    members.add_completion_callback(finalize.message())
    members.run()
    client, keys = queues.link.scripts.client, queues.link.keys
    (counter,) = client.scan_iter(match=keys.root + "counter:*")
    assert 0 < client.pttl(counter) <= 5_000
    worker()
    wait_until(lambda: ended)


# Pipelines


def test_the_result_of_each_step_is_the_last_argument_of_the_next(worker: Start) -> None:
    add = declare_add()
    worker()
    piped = pipeline([add.message(1, 2), add.message(3), add.message(4)]).run()
    assert piped.get_result(block=True, timeout=5_000) == 10
    assert list(piped.get_results(block=True)) == [3, 6, 10]
    assert (piped.completed, piped.completed_count, len(piped)) == (True, 3, 3)


def test_messages_and_pipelines_are_joined_with_a_pipe(worker: Start) -> None:
    add = declare_add()
    worker()
    nested = add.message(1, 2) | pipeline([add.message(3), add.message(4)]) | add.message(5)
    assert nested.run().get_result(block=True, timeout=5_000) == 15


def test_a_step_with_pipe_ignore_is_not_given_the_result_before_it(worker: Start) -> None:
    given: list[tuple[Any, ...]] = []

    @dramatiq.actor
    def note(*args: Any) -> str:
        given.append(args)
        return "codes"

    worker()
    (note.message(1) | note.message_with_options(args=(2,), pipe_ignore=True) | note.message(3)).run()
    wait_until(lambda: len(given) == 3)
    assert given == [(1,), (2,), (3, "codes")]


def test_a_pipeline_is_delayed_as_a_whole_and_each_step_by_its_own_delay(
    worker: Start, state: State, ended: Ended
) -> None:
    add = declare_add()
    piped = (add.message(1, 2) | add.message_with_options(args=(3,), delay=60_000)).run()
    worker()
    assert piped.messages[0].get_result(block=True, timeout=5_000) == 3
    ended(piped.messages[1], "scheduled")
    later = (add.message(1, 2) | add.message(3)).run(delay=60_000)
    assert (state(later.messages[0]), later.completed) == ("scheduled", False)


def test_a_step_that_fails_for_good_ends_its_pipeline(worker: Start, queues: WorkstreamBroker) -> None:
    add = declare_add()

    @dramatiq.actor(max_retries=0, store_results=True)
    def fails(x: int) -> int:
        raise ValueError("no")

    worker()
    piped = (add.message(1, 2) | fails.message() | add.message(1)).run()
    queues.join("default", timeout=5_000)
    with pytest.raises(ResultFailure, match="ValueError"):
        piped.messages[1].get_result()
    with pytest.raises(ResultMissing):
        piped.get_result()


def test_a_step_finds_its_key_in_the_argument_that_the_step_before_made(worker: Start) -> None:
    keys: list[str] = []

    @workstreams.actor
    def tenant_of(n: int) -> str:
        return f"tenant-{n}"

    @workstreams.actor(key_arg="tenant")
    def bill(tenant: str) -> None:
        keys.append(workstreams.current_job().key)

    worker()
    workstreams.pipeline([tenant_of.message(7), bill.message()]).run()
    wait_until(lambda: keys)
    assert keys == ["tenant-7"]


def test_a_next_step_that_cannot_be_sent_makes_a_dead_letter_and_is_not_lost_in_silence(
    worker: Start, ended: Ended
) -> None:
    @dramatiq.actor(store_results=True)
    def makes(n: int) -> object:
        return {1, 2}

    @dramatiq.actor
    def takes(x: object) -> None:
        """Never runs."""

    worker()
    piped = (makes.message(1) | takes.message()).run()
    ended(piped.messages[0], "dead")
    with pytest.raises(ResultFailure, match="PayloadError"):
        piped.messages[0].get_result()


# Error reporting


def test_a_middleware_that_reports_errors_is_given_each_exception(
    worker: Start, queues: WorkstreamBroker
) -> None:
    reported: list[BaseException | None] = []

    class Reports(dramatiq.Middleware):
        def after_process_message(self, *_: Any, exception: BaseException | None = None, **__: Any) -> None:
            if exception is not None:
                assert sys.exc_info()[1] is exception
                reported.append(exception)

    queues.add_middleware(Reports())

    @dramatiq.actor(max_retries=0)
    def fails() -> None:
        raise ValueError("no")

    worker()
    fails.send()
    wait_until(lambda: reported)
    assert [str(error) for error in reported] == ["no"]


# Binding worker groups to queues


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


# Rate limiting


def test_a_distributed_mutex_of_dramatiqs_works_over_our_store(
    worker: Start, queues: WorkstreamBroker
) -> None:
    mutex = ConcurrentRateLimiter(workstreams.LimiterBackend(queues), "distributed-mutex", limit=1)
    inside: list[int] = []
    most: list[int] = []

    @dramatiq.actor(max_retries=None)
    def one_at_a_time() -> None:
        with mutex.acquire():
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.005)  # the work, long enough for others to come in
            inside.pop()

    worker()
    for _ in range(4):
        one_at_a_time.send()
    queues.join("default", timeout=20_000)
    assert most == [1, 1, 1, 1]


def test_a_limiter_that_cannot_be_acquired_may_say_so_instead_of_raising(queues: WorkstreamBroker) -> None:
    backend = workstreams.LimiterBackend(queues)
    mutex = ConcurrentRateLimiter(backend, "m", limit=1)
    with mutex.acquire(raise_on_failure=False) as first, mutex.acquire(raise_on_failure=False) as second:
        assert (first, second) == (True, False)
    with mutex.acquire() as third:
        assert third


@pytest.mark.parametrize("kind", [BucketRateLimiter, WindowRateLimiter])
def test_dramatiqs_other_limiters_work_over_our_store(queues: WorkstreamBroker, kind: Any) -> None:
    backend = workstreams.LimiterBackend(queues)
    wide = {"bucket": 3_600_000} if kind is BucketRateLimiter else {"window": 60}
    limiter = kind(backend, "w", limit=2, **wide)
    acquired = []
    for _ in range(3):
        with limiter.acquire(raise_on_failure=False) as got:
            acquired.append(got)
    assert acquired == [True, True, False]


# Results


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


# Scheduling


def test_a_scheduler_may_call_send(worker: Start) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler

    ran = threading.Event()

    @dramatiq.actor
    def print_current_date() -> None:
        ran.set()

    worker()
    scheduler = BackgroundScheduler()
    scheduler.add_job(print_current_date.send, "interval", seconds=0.05)
    scheduler.start()
    try:
        assert ran.wait(5)
    finally:
        scheduler.shutdown()


def test_importing_dramatiq_with_our_broker_needs_none_of_its_other_brokers() -> None:
    code = "import workstreams, sys; workstreams.current_broker(); print('pika' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "False"
