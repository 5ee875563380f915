"""What tests of several rooms share: configs, workers, and waiting for a condition."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import dramatiq
import redis

from workstreams.declare.config import Config, config_from_mapping
from workstreams.log.lines import event_of
from workstreams.log.streams import told
from workstreams.store.link import Link
from workstreams.wait.broker import WorkstreamBroker

T = TypeVar("T")


def entry_of(event: str, us: int, *, job: str = "", level: str = "info", **parts: str) -> dict[str, str]:
    """The entry of an event as the scripts write it; parts: attempt, actor, worker, key, details."""
    names = ("attempt", "actor", "worker", "key", "details")
    words = (event, str(us), level, *(parts.get(name, "") for name in names))
    return {"p": "\x1f".join((job, *words))}


def events_in(client: redis.Redis, stream: str, name: str | None = None) -> list[dict[str, str]]:
    """The events of a stream, of one name or all, by the short names of their parts."""
    entries: Any = client.xrange(stream)
    found = (
        {part.decode(): value.decode() for part, value in event_of(fields).items()}
        for _, _, fields in told(entries)
        if b"p" in fields
    )
    return [event for event in found if name in (None, event["e"])]


def wait_until(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Look until the condition holds, and return what it returned."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.003)  # between two looks at a condition
    return found


@contextlib.contextmanager
def listening(client: redis.Redis, channel: str) -> Iterator[redis.client.PubSub]:
    """A subscription that the server has confirmed.

    Commands of two connections have no order: what was published after ``subscribe`` had
    returned was carried out before it, where the server was busy between the two.
    """
    with client.pubsub() as ears:
        ears.subscribe(channel)
        wait_until(lambda: ears.get_message(timeout=0.1))
        yield ears


def calls_of(client: redis.Redis, session: str) -> int:
    """How many calls the process of a session has made: each of its couriers counts its own."""
    return sum(int(number or 0) for number in client.hmget(session, "seq:1", "seq:2"))


def config_of(
    app: str,
    redis: str,
    folder: Path,
    workstreams: Mapping[str, Any],
    limits: Mapping[str, Any] | None = None,
    **more: Any,
) -> Config:
    """A config in memory."""
    document = {"app": app, "redis": redis, "state_dir": str(folder), "workstreams": dict(workstreams)}
    return config_from_mapping({**document, "limits": dict(limits or {}), **more}, folder)


def lose_leases(link: Link) -> None:
    """Nothing that runs is leased any longer, as when another process took it over; the sessions go on."""
    client = link.scripts.client
    for held in client.scan_iter(match=link.keys.root + "held:*"):
        client.delete(held)
    # What is done by hand is seen a second later, or when another library did something.
    client.hset(link.keys.clock, "by", "")


@contextlib.contextmanager
def working(broker: WorkstreamBroker, threads: int = 8, **options: Any) -> Iterator[dramatiq.Worker]:
    """A stock Dramatiq worker, until the end of the block."""
    # Dramatiq emits this once in a child process; the time limit's thread starts at it.
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=5_000)
