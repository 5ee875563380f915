"""https://dramatiq.io/reference.html"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ActorNotFound, QueueNotFound
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    CurrentMessage,
    Middleware,
    MiddlewareError,
    Pipelines,
    ShutdownNotifications,
    SkipMessage,
    TimeLimit,
)
from dramatiq.rate_limits import Barrier
from dramatiq.results import Results

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.app import build_broker
from workstreams.finish.outcomes import Outcomes
from workstreams.wait.broker import WorkstreamBroker

Start = Callable[..., dramatiq.Worker]
State = Callable[[Any], str]
Ended = Callable[[Any, str], None]


# Actors and messages


def test_an_unknown_option_of_an_actor_is_refused(queues: WorkstreamBroker) -> None:
    with pytest.raises(ValueError, match="undefined"):

        @dramatiq.actor(speed="high")
        def act() -> None:
            """Never declared."""


def test_an_actor_of_a_name_that_is_taken_is_refused(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def act() -> None:
        """The first."""

    with pytest.raises(ValueError, match="already registered"):
        dramatiq.actor(act.fn)


def test_a_message_is_built_with_options_and_sent_by_the_broker(
    worker: Start, queues: WorkstreamBroker
) -> None:
    ran: list[Any] = []

    @dramatiq.actor
    def act(*args: Any, **kwargs: Any) -> None:
        ran.append((args, kwargs))

    worker()
    message = act.message_with_options(args=(1,), kwargs={"b": 2}, max_retries=3)
    sent = queues.enqueue(message)
    assert (sent.message_id, sent.options) == (message.message_id, {"max_retries": 3})
    wait_until(lambda: ran)
    assert ran == [((1,), {"b": 2})]


def test_a_message_is_encoded_decoded_copied_and_compared_like_dramatiqs(queues: WorkstreamBroker) -> None:
    @workstreams.actor
    def act(x: int) -> None:
        """Never runs."""

    message = act.message(1)
    assert dramatiq.Message.decode(message.encode()).asdict() == message.asdict()
    assert message.copy(args=(2,)).args == (2,)
    assert message.message_datetime.timestamp() == message.message_timestamp / 1000
    assert str(message) == "act(1)"


def test_an_async_actor_runs_on_the_event_loop_of_its_worker(worker: Start) -> None:
    import asyncio

    threads: list[str] = []
    together = []

    @workstreams.actor(store_results=True)
    async def act(n: int) -> int:
        threads.append(threading.current_thread().name)
        together.append(n)
        while len(together) < 2:
            await asyncio.sleep(0.001)  # a turn for the other, until both run
        message = CurrentMessage.get_current_message()
        assert message is not None
        assert message.args == (n,)
        assert workstreams.current_job().id == message.message_id
        return n

    worker()
    assert [act.send(n).get_result(block=True) if n else act.send(n) for n in (0, 1)][1] == 1
    assert len(set(threads)) == 1


def test_an_async_actor_that_fails_is_retried_and_one_that_takes_too_long_is_interrupted(
    worker: Start, ended: Ended
) -> None:
    import asyncio

    ran: list[int] = []

    @workstreams.actor
    async def fails() -> None:
        ran.append(1)
        if len(ran) < 3:
            raise ValueError("no")

    @workstreams.actor(retries=0, timeout="50ms")
    async def slow() -> None:
        await asyncio.sleep(30)  # longer than it may

    worker()
    first, second = fails.send(), slow.send()
    ended(first, "done")
    ended(second, "dead")
    assert len(ran) == 3


def test_class_based_actors_are_sent_and_inherit_their_options(worker: Start, ended: Ended) -> None:
    ran: list[str] = []

    class BaseTask(dramatiq.GenericActor):
        class Meta:
            abstract = True
            queue_name = "ui"
            max_retries = 0

        def get_task_name(self) -> str:
            raise NotImplementedError

        def perform(self, fail: bool = False) -> None:
            ran.append(self.get_task_name())
            if fail:
                raise ValueError("no")

    class FooTask(BaseTask):
        def get_task_name(self) -> str:
            return "Foo"

    worker()
    foo: Any = FooTask
    message = foo.send()
    ended(message, "done")
    ended(foo.send(fail=True), "dead")
    assert (ran, message.queue_name, message.actor_name) == (["Foo", "Foo"], "ui", "FooTask")


def test_class_based_actors_of_our_decorator_take_their_key_from_what_they_perform(worker: Start) -> None:
    keys: list[str] = []

    class Bill(dramatiq.GenericActor):
        class Meta:
            actor = workstreams.actor
            workstream = "ui"
            key_arg = "tenant"

        def perform(self, tenant: str) -> None:
            keys.append(workstreams.current_job().key)
            assert tenant == "acme"

    worker()
    bill: Any = Bill
    bill.send_with(args=("acme",))
    wait_until(lambda: keys)
    assert keys == ["acme"]


def test_an_actor_asks_for_a_retry_after_a_delay_by_raising(worker: Start) -> None:
    ran: list[float] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(time.monotonic())
        if len(ran) == 1:
            raise dramatiq.Retry("later", delay=60)

    worker()
    act.send()
    wait_until(lambda: len(ran) == 2)
    assert ran[1] - ran[0] >= 0.06


def test_a_message_with_pipe_target_goes_on_without_a_pipeline(worker: Start) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def first() -> int:
        return 7

    @dramatiq.actor
    def second(x: int) -> None:
        ran.append(x)

    worker()
    first.send_with_options(pipe_target=second.message().asdict())
    wait_until(lambda: ran)
    assert ran == [7]


def test_another_actor_is_told_when_the_retries_are_used_up_and_not_when_an_error_is_thrown(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    told: list[Any] = []

    @dramatiq.actor(queue_name="ui")
    def exhausted(message_data: dict[str, Any], retries: dict[str, Any]) -> None:
        told.append((message_data["args"], retries))

    @dramatiq.actor(max_retries=2, on_retry_exhausted="exhausted", throws=KeyError)
    def fails(kind: str) -> None:
        raise {"key": KeyError, "value": ValueError}[kind]("no")

    worker()
    ended(fails.send("key"), "dead")
    ended(fails.send("value"), "dead")
    queues.join("ui", timeout=5_000)
    assert told == [(["value"], {"retries": 2, "max_retries": 2})]


# Broker


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


def test_the_worker_runs_pauses_resumes_and_stops(
    worker: Start, queues: WorkstreamBroker, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dramatiq waits three seconds before it consumes again.
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.02)
    ran: list[int] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    running = worker(threads=2)
    running.pause()
    act.send()
    running.resume()
    queues.join("default", timeout=5_000)
    running.stop()
    assert ran == [1]
    assert state(act.send()) == "waiting"


# Middleware


PROCESSED = ["before_enqueue", "after_enqueue", "before_process_message", "after_process_message"]


def moments(called: list[str]) -> list[str]:
    """The sender's hooks before the worker's: a job may start while its sender's last hook is called."""
    return sorted(called, key=lambda name: "enqueue" not in name)


def test_every_hook_that_concerns_a_message_is_called_in_order(
    queues: WorkstreamBroker, worker: Start
) -> None:
    called: list[str] = []
    records = Middleware()
    for moment in ("enqueue", "process_message", "ack", "nack", "skip_message"):
        for name in (f"before_{moment}", f"after_{moment}"):
            setattr(records, name, lambda *_, name=name, **__: called.append(name))
    queues.add_middleware(records)

    @dramatiq.actor(max_retries=0)
    def act(fail: bool) -> None:
        if fail:
            raise ValueError("no")

    worker()
    act.send(False)
    wait_until(lambda: "after_ack" in called)
    assert moments(called) == [*PROCESSED, "before_ack", "after_ack"]
    called.clear()
    act.send(True)
    wait_until(lambda: "after_nack" in called)
    assert moments(called) == [*PROCESSED, "before_nack", "after_nack"]


def test_a_hook_before_the_enqueue_may_change_the_options_and_is_told_the_delay(
    worker: Start, queues: WorkstreamBroker
) -> None:
    delays: list[Any] = []
    seen: list[Any] = []

    class Tags(Middleware):
        def before_enqueue(self, _: Any, message: Any, delay: int | None) -> None:
            message.options["tag"] = "blue"
            delays.append(delay)

        def after_enqueue(self, _: Any, __: Any, delay: int | None) -> None:
            delays.append(delay)

    queues.add_middleware(Tags())

    @dramatiq.actor
    def act() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.options["tag"])

    worker()
    act.send_with_options(delay=20)
    act.send()
    wait_until(lambda: len(seen) == 2)
    assert (seen, delays) == (["blue"] * 2, [20, 20, None, None])


@pytest.mark.parametrize(
    "place", ["before_enqueue", "before_process_message", "after_process_message", "before_ack"]
)
def test_an_error_in_a_hook_is_logged_and_harms_no_message(
    worker: Start, queues: WorkstreamBroker, ended: Ended, place: str
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect in a middleware")

    broken = Middleware()
    setattr(broken, place, breaks)
    queues.add_middleware(broken)

    @dramatiq.actor(max_retries=0)
    def act() -> None:
        """Does nothing."""

    worker()
    ended(act.send(), "done")


def test_a_retry_is_an_enqueue_to_the_hooks_and_keeps_the_options_that_they_add(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    told: list[Any] = []
    seen: list[Any] = []

    class Traces(Middleware):
        def before_enqueue(self, _: Any, message: Any, delay: int | None) -> None:
            message.options["trace"] = message.options.get("trace", 0) + 1
            told.append((message.options.get("retries", 0), delay is not None))

    queues.add_middleware(Traces())

    @dramatiq.actor(max_retries=1, min_backoff=2)
    def fails() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.options["trace"])
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert (told, seen) == ([(0, False), (1, True)], [1, 2])


def test_a_middleware_error_before_the_enqueue_is_the_senders(queues: WorkstreamBroker) -> None:
    class Refuses(Middleware):
        def before_enqueue(self, *_: Any) -> None:
            raise MiddlewareError("not now")

    queues.add_middleware(Refuses())

    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    with pytest.raises(MiddlewareError):
        act.send()
    queues.join("default", timeout=100)


def test_a_message_that_a_middleware_skips_does_not_run(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    ran: list[int] = []

    class Skips(Middleware):
        def before_process_message(self, *_: Any) -> None:
            raise SkipMessage("not today")

    queues.add_middleware(Skips())

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    worker()
    ended(act.send(), "discarded")
    assert ran == []


@pytest.mark.parametrize("place", ["before_process_message", "after_process_message"])
def test_a_message_that_a_middleware_fails_is_dead(
    worker: Start, queues: WorkstreamBroker, ended: Ended, place: str
) -> None:
    failing = Middleware()
    setattr(failing, place, lambda _, message, **__: message.fail())
    queues.add_middleware(failing)

    @dramatiq.actor(store_results=True)
    def act() -> int:
        return 1

    worker()
    message = act.send()
    ended(message, "dead")
    with pytest.raises(dramatiq.results.ResultFailure):
        message.get_result()


@pytest.mark.parametrize("where", ["actor", "middleware"])
def test_a_message_that_is_sent_again_while_it_runs_runs_again_and_is_not_lost(
    worker: Start, queues: WorkstreamBroker, ended: Ended, where: str
) -> None:
    ran: list[Any] = []

    class Postpones(Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            if where == "middleware" and "seen" not in message.options:
                broker.enqueue(message.copy(options={"seen": True}), delay=20)
                raise SkipMessage("later")

    queues.add_middleware(Postpones(), before=AgeLimit)

    @dramatiq.actor
    def act(n: int) -> None:
        ran.append(n)
        message = CurrentMessage.get_current_message()
        assert message is not None
        if where == "actor" and n < 3:
            queues.enqueue(message.copy(args=(n + 1,)), delay=10)

    worker()
    message = act.send(1)
    ended(message, "done")
    assert ran == ([1, 2, 3] if where == "actor" else [1])


@pytest.mark.parametrize(
    "middleware",
    [
        AsyncIO(),
        CurrentMessage(),
        Pipelines(),
        AgeLimit(max_age=60_000),
        ShutdownNotifications(),
        TimeLimit(time_limit=500),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_middleware_that_is_added_takes_the_place_of_the_one_that_is_there_by_default(
    queues: WorkstreamBroker, worker: Start, ended: Ended, middleware: Middleware
) -> None:
    (place,) = (at for at, one in enumerate(queues.middleware) if isinstance(one, type(middleware)))
    queues.add_middleware(middleware)
    assert [at for at, one in enumerate(queues.middleware) if isinstance(one, type(middleware))] == [place]

    @dramatiq.actor
    async def act() -> None:
        """Does nothing."""

    worker()
    ended(act.send(), "done")


def test_a_middleware_may_be_added_before_or_after_another(queues: WorkstreamBroker) -> None:
    class Mine(Middleware):
        """Another one."""

    queues.add_middleware(Mine(), before=AgeLimit)
    queues.add_middleware(Mine(), after=Pipelines)
    names = [type(one).__name__ for one in queues.middleware]
    assert names.index("AgeLimit") == names.index("Mine") + 1
    assert names[names.index("Pipelines") + 1] == "Mine"
    assert isinstance(queues.middleware[-1], Outcomes)
    with pytest.raises(ValueError, match="not found"):
        queues.add_middleware(Mine(), after=type("Nowhere", (Middleware,), {}))


def test_a_broker_may_be_given_all_its_middleware(make_config: MakeConfig, broker: WorkstreamBroker) -> None:
    mine = build_broker(make_config(default=None), middleware=[AgeLimit(), TimeLimit(time_limit=40)])
    assert not any(isinstance(one, Results | Pipelines) for one in mine.middleware)
    ran: list[int] = []

    @dramatiq.actor(broker=mine, max_retries=0)
    def act() -> None:
        ran.append(1)

    try:
        with working(mine):
            act.send()
            mine.join("default", timeout=5_000)
    finally:
        mine.close()
    assert ran == [1]


# Barriers


def test_a_barrier_is_reached_by_the_last_of_its_parties(queues: WorkstreamBroker) -> None:
    backend = workstreams.LimiterBackend(queues)
    barrier = Barrier(backend, "some-barrier", ttl=30_000)
    assert barrier.create(parties=3)
    assert not barrier.create(parties=3)
    assert [barrier.wait(block=False) for _ in range(3)] == [False, False, True]


def test_who_waits_at_a_barrier_is_let_go_by_the_last_party(queues: WorkstreamBroker) -> None:
    barrier = Barrier(workstreams.LimiterBackend(queues), "b", ttl=30_000)
    barrier.create(parties=2)
    passed: list[bool] = []
    waiting = threading.Thread(target=lambda: passed.append(barrier.wait(timeout=10_000)))
    waiting.start()
    wait_until(lambda: queues.link.scripts.client.get(queues.link.keys.root + "counter:b") == b"1")
    assert barrier.wait() is True
    waiting.join(5)
    assert passed == [True]


def test_who_waits_at_a_barrier_in_vain_is_told_so(queues: WorkstreamBroker) -> None:
    barrier = Barrier(workstreams.LimiterBackend(queues), "b", ttl=30_000)
    barrier.create(parties=2)
    assert barrier.wait(timeout=50) is False
