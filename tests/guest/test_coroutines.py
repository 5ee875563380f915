"""A block in a coroutine waits without a thread, and leaks nothing when it is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

import workstreams
from tests.guest.support import held, standing, threads
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_coroutine_waits_without_a_thread_and_is_let_in(api: WorkstreamBroker, inside: list[Any]) -> None:
    most = 0

    async def visit() -> None:
        nonlocal most
        async with workstreams.limit("api", timeout="20s"):
            most = max(most, held(api))
            await asyncio.sleep(0.001)  # the work

    async def main() -> None:
        # More than the loop has threads.
        tasks = [asyncio.create_task(visit()) for _ in range(60)]
        await standing(api, 60)
        inside.pop().__exit__(None, None, None)
        inside.pop().__exit__(None, None, None)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert most == 2
    assert held(api) == 0
    wait_until(lambda: threads() == [])


def test_a_coroutine_that_is_cancelled_while_it_waits_leaves_nothing(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
    async def visit() -> None:
        async with workstreams.limit("api"):
            raise AssertionError("there was no room")

    async def main() -> None:
        tasks = [asyncio.create_task(visit()) for _ in range(5)]
        await standing(api, 5)
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError)
            for one in await asyncio.gather(*tasks, return_exceptions=True)
        )

    asyncio.run(main())
    assert api.link.scripts.client.zcard(api.link.keys.limit("api", "queue")) == 0
    assert held(api) == 2


def test_a_cancel_that_comes_together_with_a_call_is_not_forgotten(
    api: WorkstreamBroker, inside: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[asyncio.Event] = []

    class Told(asyncio.Event):
        async def wait(self) -> Literal[True]:
            waiting.append(self)
            return await super().wait()

    async def visit() -> None:
        async with workstreams.limit("api"):
            raise AssertionError("there was no room")

    async def main() -> None:
        monkeypatch.setattr(asyncio, "Event", Told)
        task = asyncio.create_task(visit())
        while not waiting:
            await asyncio.sleep(0)  # a turn of the loop, until it waits
        waiting[0].set()
        await asyncio.sleep(0)  # the turn in which it would be told
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    asyncio.run(main())
    assert held(api) == 2


@pytest.mark.parametrize("moment", [0.0, 0.0002, 0.0005, 0.001, 0.002, 0.004])
def test_a_coroutine_that_is_cancelled_at_any_moment_leaks_no_slot(
    api: WorkstreamBroker, moment: float
) -> None:
    async def visit() -> None:
        async with workstreams.limit("api"):
            await asyncio.sleep(0.0003)  # the work

    async def main() -> None:
        for _ in range(20):
            task = asyncio.create_task(visit())
            await asyncio.sleep(moment)  # the moment at which it is cancelled
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with workstreams.limit("api"):
        pass
    asyncio.run(main())
    assert held(api) == 0
    wait_until(lambda: threads() == [])
