"""The timer wakes at every tick by Redis's clock, and again after what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import redis

from tests.schedule.conftest import HOUR, SECOND, App
from tests.support import wait_until
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.schedule.scheduler import Scheduler
from workstreams.store.link import Link
from workstreams.store.scripts import Scripts

Start = Callable[..., Scheduler]


@pytest.fixture
def start(app: App) -> Iterator[Start]:
    """Start a scheduler, which is stopped in the end; the app's clock runs."""
    app.client.delete(app.keys.clock)
    started: list[Scheduler] = []

    def begin(config: Config, link: Link | None = None) -> Scheduler:
        publish(config, app.link.scripts)
        made = Scheduler(config, {"tick": "mail"}, link or app.new_link(), app._tell)
        started.append(made)
        made.start()
        return made

    yield begin
    for one in started:
        one.stop()


def test_every_tick_fires_once_with_two_schedulers(app: App, start: Start) -> None:
    config = app.config(every="1s", overlap="allow", catch_up="all")
    start(config)
    start(config)
    wait_until(lambda: len(app.fired()) >= 2)
    seconds = [int(one[17:19]) for one in app.fired()]
    assert [(after - before) % 60 for before, after in pairwise(seconds)] == [1] * (len(seconds) - 1)
    assert len(app.jobs()) >= len(seconds)


def test_ticks_are_those_of_redis_clock_and_not_of_this_hosts(app: App, start: Start) -> None:
    ahead = HOUR - (time.time_ns() // 1000) % HOUR - 2 * SECOND
    app.client.hset(app.keys.clock, "offset", ahead)
    start(app.config(every="1h"))
    wait_until(app.fired)
    assert app.events("fired")[0]["late_ms"] < 60_000


def test_a_clock_that_is_put_forward_is_noticed_at_the_next_wake_up(app: App, start: Start) -> None:
    start(app.config(every="2s", overlap="allow", catch_up="latest"))
    app.client.hset(app.keys.clock, "offset", 3 * HOUR)
    wait_until(app.fired)
    assert [reason for reason, _, _ in app.skipped()] == ["superseded"]


def test_a_server_that_is_away_is_told_once_and_its_ticks_are_made_up_for(app: App, start: Start) -> None:
    class Away(Scripts):
        calls = 0

        def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
            if operation == "fire" and Away.calls < 2:
                Away.calls += 1
                raise redis.ConnectionError("gone")
            return super().run(operation, call, words)

    config = app.config(every="1h", overlap="allow", catch_up="latest")
    start(config).stop()
    app.client.hset(app.keys.root + "schedule:tick", "mark", time.time_ns() // 1000 - 3 * HOUR)
    link = app.new_link()
    link._scripts = Away(app.client, app.keys)
    start(config, link)
    wait_until(app.fired)
    assert [event for event, _, _ in app.told if event != "fired"] == ["scheduler_held"]
    assert Away.calls == 2


def test_a_schedule_that_is_not_enabled_does_not_fire(app: App, start: Start) -> None:
    made = start(app.config(every="1s", enabled=False))
    assert made._timer.get_jobs() == []


def test_what_is_due_at_the_start_is_settled_at_once(app: App, start: Start) -> None:
    config = app.config(every="1h", catch_up="latest")
    start(config).stop()
    now = time.time_ns() // 1000
    app.client.hset(app.keys.root + "schedule:tick", "mark", now - 3 * HOUR)
    start(config)
    wait_until(app.fired)
    assert [reason for reason, _, _ in app.skipped()] == ["superseded"]


def test_a_changed_schedule_is_told(app: App, start: Start) -> None:
    start(app.config(every="1h"))
    start(app.config(every="2h"))
    assert [event for event, _, _ in app.told] == ["schedule_changed"]
