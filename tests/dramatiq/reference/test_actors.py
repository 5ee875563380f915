"""https://dramatiq.io/reference.html: actors."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage

import workstreams
from tests.dramatiq.support import Ended, Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


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


def test_an_async_actor_runs_on_the_event_loop_of_its_worker(worker: Start) -> None:
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
