"""Many blocks of a process that wait for one rate: the first asks for all, and none waits longer for it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until
from workstreams.control import LimitChange, change_limit
from workstreams.errors import LimitTimeout
from workstreams.units import parse_rate
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def api(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    limits = {"quick": {"rate": "1/100ms"}, "slow": {"rate": "1/600ms"}, "rare": {"rate": "2/h"}}
    broker.configure(make_config(limits, mail={"within": list(limits)}))
    return broker


class Visitors:
    """Threads that go through a limit one after the other, in the order in which they began to wait."""

    def __init__(self, broker: WorkstreamBroker) -> None:
        self.broker = broker
        self.threads: list[threading.Thread] = []
        self.entered: list[float] = []
        self.timeouts = 0

    def add(self, name: str, **options: Any) -> None:
        thread = threading.Thread(target=self._go, args=(name,), kwargs=options)
        waiting = len(self.waiting())
        thread.start()
        self.threads.append(thread)
        wait_until(lambda: len(self.waiting()) > waiting or not thread.is_alive())

    def waiting(self) -> dict[str, Any]:
        desk = self.broker.desks._desk
        return desk.hearing._waiting if desk else {}

    def _go(self, name: str, **options: Any) -> None:
        try:
            with workstreams.limit(name, **options):
                self.entered.append(time.monotonic())
        except LimitTimeout:
            self.timeouts += 1

    def join(self) -> None:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def visitors(api: WorkstreamBroker) -> Visitors:
    return Visitors(api)


def test_many_that_wait_for_one_rate_do_not_all_ask_at_each_opening(
    api: WorkstreamBroker, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = api.link.scripts.run

    def counted(operation: str, *words: Any) -> Any:
        asked.append(operation)
        return run(operation, *words)

    monkeypatch.setattr(api.link.scripts, "run", counted)
    began = time.monotonic()
    for _ in range(15):
        visitors.add("quick")
    visitors.join()
    assert len(visitors.entered) == 15
    # The last is let in fourteen windows of 101 ms after the first; who is late is so by a switch of threads.
    assert 1.4 <= time.monotonic() - began < 4
    # Each when it comes, when it is first and when it is in; all at each opening would be over a hundred.
    assert asked.count("limit_take") <= 3 * 15 + 5


def test_who_gives_up_lets_the_next_come_in_its_time(api: WorkstreamBroker, visitors: Visitors) -> None:
    with workstreams.limit("slow"):
        began = time.monotonic()
    visitors.add("slow", timeout="100ms")
    visitors.add("slow")
    visitors.join()
    assert visitors.timeouts == 1
    assert visitors.entered[0] - began < 3


def test_a_coroutine_that_is_cancelled_lets_the_next_come_in_its_time(
    api: WorkstreamBroker, visitors: Visitors
) -> None:
    async def give_up() -> None:
        async with workstreams.limit("slow"):
            raise AssertionError("there was no room")

    async def both() -> None:
        first = asyncio.create_task(give_up())
        while not visitors.waiting():
            await asyncio.sleep(0.001)  # until it waits
        await asyncio.to_thread(visitors.add, "slow")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    with workstreams.limit("slow"):
        began = time.monotonic()
    asyncio.run(both())
    visitors.join()
    assert visitors.entered[0] - began < 3


def test_who_wants_less_does_not_wait_for_one_who_wants_more(
    api: WorkstreamBroker, visitors: Visitors
) -> None:
    with workstreams.limit("rare"):
        visitors.add("rare", cost=2, timeout="4s")
        visitors.add("rare")
        wait_until(lambda: visitors.entered, 3.5)
    visitors.join()
    assert visitors.timeouts == 1


def test_a_rate_that_is_raised_lets_all_in_soon(api: WorkstreamBroker, visitors: Visitors) -> None:
    with workstreams.limit("rare", cost=2):
        for _ in range(5):
            visitors.add("rare")
        change_limit(api.link, api.config, "rare", LimitChange(rates=(parse_rate("1000/h"),)))
        wait_until(lambda: len(visitors.entered) == 5, 5)
    visitors.join()
