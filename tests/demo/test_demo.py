from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType

import dramatiq
import pytest

from tests.promises.fleet import most_in_any
from tests.store.servers import real_server, wait_until
from tests.support import events_in
from workstreams.demo.arrivals import Arrivals
from workstreams.demo.demo import Demo
from workstreams.demo.inputs import webhook_jobs
from workstreams.demo.rows import read_rows
from workstreams.demo.settings import FOLDER_VARIABLE, RECEIVER_VARIABLE
from workstreams.errors import ConfigError, RedisUnavailable
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def demo(broker: WorkstreamBroker, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    demo = Demo(broker, {FOLDER_VARIABLE: str(folder)}, stream=StringIO())
    for name, value in demo.prepare().items():
        monkeypatch.setenv(name, value)
    yield demo
    demo.stop()


@pytest.fixture
def worker(broker: WorkstreamBroker, jobs: ModuleType) -> Iterator[dramatiq.Worker]:
    worker = dramatiq.Worker(broker, worker_threads=8)
    yield worker
    worker.stop()


class Ways:
    """When webhooks were let start, by Redis's clock, and when they arrived, in µs."""

    def __init__(self, broker: WorkstreamBroker, arrivals: Arrivals) -> None:
        self._broker, self._arrive, self._arrived = broker, arrivals.arrive, list[int]()

    def arrive(self) -> int:
        self._arrived.append(time.time_ns() // 1000)
        return self._arrive()

    def starts(self) -> list[int]:
        log = self._broker.link.keys.workstream("webhooks", "log")
        started = events_in(self._broker.link.scripts.client, log, "started")
        return sorted(int(event["t"]) for event in started)

    def differ_by(self) -> int:
        """By how much the slowest was slower on its way than the fastest."""
        took = [end - begin for begin, end in zip(self.starts(), sorted(self._arrived), strict=False)]
        return max(took) - min(took)


@pytest.fixture
def ways(broker: WorkstreamBroker, demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Ways:
    arrivals = demo._receiver._arrivals
    ways = Ways(broker, arrivals)
    monkeypatch.setattr(arrivals, "arrive", ways.arrive)
    return ways


def waiting(broker: WorkstreamBroker) -> list[int]:
    return [row.waiting for row in read_rows(broker.link, broker.config) if row.name != "reports"]


def test_webhooks_flow_at_their_limit_and_files_beside_them(
    server: Path, broker: WorkstreamBroker, demo: Demo, worker: dramatiq.Worker, ways: Ways
) -> None:
    broker.emit_after("process_boot")
    worker.start()
    demo.start()
    # Into the third window: sent any faster, some of them would have been refused by now.
    wait_until(lambda: demo._receiver.counts().arrived >= 45)
    view = demo._look()
    webhooks, files, _ = view.rows
    assert not view.wrong
    assert most_in_any(ways.starts(), 1_050_000) <= 20
    assert view.counts.worst_second >= 10
    # A busy machine may hold up those of one second until the next, for longer than the margin.
    assert view.counts.refused == 0 or ways.differ_by() > 50_000
    assert files.done == 3
    assert webhooks.done + webhooks.waiting + webhooks.running == 1000
    assert "0 refused; 3 files hashed" in demo.summary()


def test_workers_learn_where_the_receiver_is_before_anything_is_sent(
    server: Path, broker: WorkstreamBroker, folder: Path
) -> None:
    demo = Demo(broker, {FOLDER_VARIABLE: str(folder)})
    try:
        assert demo.prepare() == {RECEIVER_VARIABLE: demo._receiver.url}
        assert waiting(broker) == [0, 0]
    finally:
        demo.stop()


def test_input_that_an_earlier_run_left_is_not_sent_again(
    server: Path, broker: WorkstreamBroker, demo: Demo
) -> None:
    broker.enqueue_many(webhook_jobs()[:400])
    demo.start()
    wait_until(lambda: not demo._feeder.busy)
    assert waiting(broker) == [400, 3]
    assert "400 webhooks were left by an earlier run" in demo._look().note


def test_numbers_of_earlier_runs_are_not_counted_as_this_ones(
    server: Path, broker: WorkstreamBroker, demo: Demo
) -> None:
    link = broker.link
    link.scripts.client.hset(link.keys.workstream("webhooks", "count"), mapping={"done": 5, "dead": 2})
    demo.start()
    link.scripts.client.hincrby(link.keys.workstream("webhooks", "count"), "done", 1)
    webhooks, *_ = demo._look().rows
    assert (webhooks.done, webhooks.dead) == (1, 0)


def test_while_redis_is_away_the_last_numbers_stay_and_the_reason_is_shown(
    tmp_path: Path, broker: WorkstreamBroker, demo: Demo
) -> None:
    with real_server(tmp_path):
        demo.start()
        wait_until(lambda: not demo._feeder.busy)
        before = demo._look()
    after = demo._look()
    assert after.wrong
    assert "found" in after.note
    assert after.rows == before.rows != ()


def test_a_start_without_redis_says_so_at_once(broker: WorkstreamBroker, demo: Demo) -> None:
    with pytest.raises(RedisUnavailable):
        demo.start()


def test_when_all_is_done_it_says_so_and_how_long_it_took(
    server: Path, broker: WorkstreamBroker, demo: Demo
) -> None:
    demo.start()
    wait_until(lambda: not demo._feeder.busy)
    keys = broker.link.keys
    for name in ("webhooks", "files"):
        broker.link.scripts.client.set(keys.workstream(name, "waiting"), 0)
    note = demo._look().note
    assert note.startswith("All done in ")
    assert demo._look().note == note


def test_a_folder_that_is_not_there_stops_the_start_before_the_receiver_listens(
    broker: WorkstreamBroker, tmp_path: Path
) -> None:
    demo = Demo(broker, {FOLDER_VARIABLE: str(tmp_path / "gone")})
    with pytest.raises(ConfigError):
        demo.prepare()
    demo.stop()


def test_a_show_that_is_stopped_at_once_still_shows_the_numbers(
    server: Path, broker: WorkstreamBroker, demo: Demo
) -> None:
    demo.start()
    stop = threading.Event()
    stop.set()
    demo.show(stop)
    assert isinstance(demo._stream, StringIO)
    assert "| receiver: 0 arrivals/s, worst second 0 of 20, refused 0\n" in demo._stream.getvalue()


def test_the_hints_name_the_config_that_a_second_terminal_needs(broker: WorkstreamBroker, demo: Demo) -> None:
    hints = "\n".join(demo._hints())
    assert f"WORKSTREAMS_CONFIG={broker.config.files[0]}" in hints
    assert "workstreams send webhooks deliver" in hints
