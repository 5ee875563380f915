"""The systems that are compared: each makes an actor, sends to it, and runs a worker in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from tests.benchmarks.others import installed
from workstreams.app import build_broker
from workstreams.declare.config import config_from_mapping

__all__ = ["SYSTEMS", "System"]

Job = Callable[[Any], None]


class System(Protocol):
    """One way to do background work over a server."""

    def send(self, value: Any) -> None:
        """Send one job."""
        ...

    def send_many(self, values: Sequence[Any]) -> None:
        """Send many jobs, in the fewest calls it knows."""
        ...

    def working(self, threads: int) -> Any:
        """A worker in this process until the end of the block."""
        ...


class Dramatiq:
    """Stock Dramatiq on its own Redis broker."""

    def __init__(self, url: str, job: Job) -> None:
        self._broker = RedisBroker(client=redis.Redis.from_url(url))
        self._actor = dramatiq.actor(job, broker=self._broker, actor_name="job", queue_name="bench")

    def send(self, value: Any) -> None:
        self._actor.send(value)

    def send_many(self, values: Sequence[Any]) -> None:
        for value in values:
            self._actor.send(value)

    @contextmanager
    def working(self, threads: int) -> Iterator[None]:
        worker = dramatiq.Worker(self._broker, worker_threads=threads)
        worker.start()
        yield
        worker.stop()


class Workstreams:
    """Ours, with a workstream of so many threads.

    Parameters:
      url: The server.
      job: What runs.
      keys: Further keys of the workstream.
      threads: Its threads.
    """

    keys: ClassVar[dict[str, Any]] = {}

    def __init__(self, url: str, job: Job, threads: int = 16) -> None:
        document = {
            "app": f"bench-{type(self).__name__}".lower(),
            "redis": url,
            "state_dir": tempfile.gettempdir(),
            "workstreams": {"bench": {"threads": threads, **self.keys}},
        }
        self._broker = build_broker(config_from_mapping(document, Path(tempfile.gettempdir())))
        dramatiq.set_broker(self._broker)
        from workstreams.app import actor

        self._actor = actor(workstream="bench", name="job")(job)

    def send(self, value: Any) -> None:
        self._actor.send(value)

    def send_many(self, values: Sequence[Any]) -> None:
        self._actor.send_many([(value,) for value in values])

    @contextmanager
    def working(self, threads: int) -> Iterator[None]:
        self._broker.emit_after("process_boot")
        worker = dramatiq.Worker(self._broker, worker_threads=threads)
        worker.start()
        yield
        worker.stop()


class Limited(Workstreams):
    """The same with limits that are never hit."""

    keys: ClassVar[dict[str, Any]] = {"rate": ["900000/s", "900000000/h"], "concurrency": 1000}


class ReadAhead(Workstreams):
    """The same, fetching four times its threads ahead."""

    keys: ClassVar[dict[str, Any]] = {"read_ahead": 4}


SYSTEMS: dict[str, type[Any]] = {
    "dramatiq": Dramatiq,
    "workstreams": Workstreams,
    "workstreams, limits never hit": Limited,
    "workstreams, read_ahead: 4": ReadAhead,
    **installed(),
}
