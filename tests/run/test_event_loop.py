"""A coroutine is interrupted by its cancellation, and its thread goes on only when it is over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from dramatiq.middleware import Interrupt
from dramatiq.middleware.threading import raise_thread_exception

import workstreams
from tests.conftest import MakeConfig
from tests.support import events_in, wait_until, working
from workstreams.run import event_loop as module
from workstreams.run.event_loop import WorkstreamEventLoop
from workstreams.wait.broker import WorkstreamBroker

ASKED: ContextVar[str] = ContextVar("asked", default="nobody")


@pytest.fixture
def loop() -> Iterator[WorkstreamEventLoop]:
    made = WorkstreamEventLoop()
    made.start(timeout=5)
    yield made
    made.stop()


class Caller(threading.Thread):
    """A thread that runs one coroutine and waits for it."""

    def __init__(self, loop: WorkstreamEventLoop, coroutine: Any) -> None:
        super().__init__(daemon=True)
        self.loop, self.coroutine = loop, coroutine
        self.result: Any = None
        self.error: BaseException | None = None
        self.inside = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            self.inside.set()
            self.result = self.loop.run_coroutine(self.coroutine)
        except BaseException as error:
            self.error = error

    def interrupt(self, kind: type[Interrupt] = Interrupt) -> None:
        raise_thread_exception(self.ident, kind)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def over(self) -> bool:
        self.join(0.001)
        return not self.is_alive()


async def two() -> int:
    await asyncio.sleep(0)  # it gives way to the loop once
    return 2


async def asked() -> str:
    await asyncio.sleep(0)  # it gives way to the loop once
    return ASKED.get()


def test_a_coroutine_returns_and_raises_to_its_caller(loop: WorkstreamEventLoop) -> None:
    async def fails() -> None:
        raise TimeoutError("its own")

    assert loop.run_coroutine(two()) == 2
    with pytest.raises(TimeoutError, match="its own"):
        loop.run_coroutine(fails())


def test_it_runs_in_the_context_of_its_caller(loop: WorkstreamEventLoop) -> None:
    token = ASKED.set("me")
    try:
        assert loop.run_coroutine(asked()) == "me"
    finally:
        ASKED.reset(token)


def test_a_coroutine_that_wants_to_end_the_process_ends_only_itself(loop: WorkstreamEventLoop) -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        loop.run_coroutine(leaves())
    assert loop.run_coroutine(two()) == 2


def test_an_interrupt_cancels_and_is_raised_when_the_coroutine_has_cleaned_up(
    loop: WorkstreamEventLoop,
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    cleaned: list[str] = []

    async def act() -> None:
        try:
            begun.set()
            await asyncio.sleep(60)  # what is interrupted
        finally:
            await asyncio.to_thread(may_end.wait, 10)
            cleaned.append("up")

    caller = Caller(loop, act())
    assert begun.wait(5)
    caller.interrupt()
    caller.join(0.3)
    assert caller.is_alive()
    may_end.set()
    wait_until(caller.over)
    assert isinstance(caller.error, Interrupt)
    assert cleaned == ["up"]


def test_a_coroutine_that_ignores_its_cancellation_is_cancelled_again_until_it_ends(
    loop: WorkstreamEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    begun, told = threading.Event(), []

    async def act() -> None:
        begun.set()
        while len(told) < 4:
            try:
                await asyncio.sleep(60)  # what is interrupted
            except asyncio.CancelledError:
                told.append(1)
        raise ValueError("at last")

    caller = Caller(loop, act())
    assert begun.wait(5)
    caller.interrupt()
    # A second reason to stop, the process's own for one, frees the thread no sooner.
    wait_until(lambda: told)
    caller.interrupt()
    wait_until(caller.over)
    assert len(told) == 4
    assert isinstance(caller.error, Interrupt)
    assert isinstance(caller.error.__cause__, ValueError)


def test_what_a_coroutine_returns_in_spite_of_its_cancellation_counts(loop: WorkstreamEventLoop) -> None:
    begun = threading.Event()

    async def act() -> str:
        begun.set()
        try:
            await asyncio.sleep(60)  # what is interrupted
        except asyncio.CancelledError:
            return "all is done"
        return "never"

    caller = Caller(loop, act())
    assert begun.wait(5)
    caller.interrupt()
    wait_until(caller.over)
    assert (caller.result, caller.error) == ("all is done", None)


def test_a_coroutine_that_is_cancelled_before_its_first_step_never_begins(
    loop: WorkstreamEventLoop,
) -> None:
    in_the_way, ran = threading.Event(), []

    async def act() -> None:
        ran.append(1)

    loop.loop.call_soon_threadsafe(in_the_way.wait, 10)
    caller = Caller(loop, act())
    assert caller.inside.wait(5)
    caller.interrupt()
    # The cancellation is on its way; now the loop may look.
    caller.join(0.3)
    in_the_way.set()
    wait_until(caller.over)
    assert isinstance(caller.error, Interrupt)
    assert ran == []


QUICK = {"max": 3, "min_backoff": "10ms", "max_backoff": "20ms"}


@pytest.fixture
def mail(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    broker.configure(make_config(mail={"retries": QUICK, "concurrency": 1}))
    return broker


def test_an_async_job_that_runs_too_long_is_cancelled_and_counted_as_failed_once(
    mail: WorkstreamBroker,
) -> None:
    attempts: list[int] = []
    cancelled: list[int] = []

    @workstreams.actor(workstream="mail", timeout="150ms")
    async def act() -> None:
        attempts.append(workstreams.current_job().attempt)
        if len(attempts) == 1:
            try:
                await asyncio.sleep(60)  # longer than it may
            except asyncio.CancelledError:
                cancelled.append(1)
                raise

    with working(mail):
        job = act.send()
        assert job.wait(timeout="10s").state == "done"
    assert (attempts, cancelled) == ([1, 2], [1])
    status = job.status()
    assert status.error is not None
    assert status.error["type"] == "TimeLimitExceeded"


def test_an_async_job_that_ignores_its_timeout_never_runs_beside_itself(mail: WorkstreamBroker) -> None:
    now, most = 0, 0
    ended_at: list[float] = []
    began_at: list[float] = []

    @workstreams.actor(workstream="mail", timeout="100ms")
    async def act() -> None:
        nonlocal now, most
        began_at.append(time.monotonic())
        now += 1
        most = max(most, now)
        try:
            if len(began_at) == 1:
                await _whatever_happens(1.5)
                raise ValueError("it ends when it likes")
        finally:
            now -= 1
            ended_at.append(time.monotonic())

    with working(mail):
        job = act.send()
        assert job.wait(timeout="15s").state == "done"
        client, keys = mail.link.scripts.client, mail.link.keys
        assert len(events_in(client, keys.workstream("mail", "log"), "retrying")) == 1
    assert (most, len(began_at)) == (1, 2)
    assert began_at[1] > ended_at[0] > began_at[0] + 1.4


async def _whatever_happens(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            await asyncio.sleep(left)  # a library that swallows what it does not know
        except asyncio.CancelledError:
            continue
