"""The Dramatiq broker whose queues are workstreams."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dramatiq import Broker, Consumer, Message, Middleware
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from workstreams.declare.config import Config, load_config
from workstreams.errors import PayloadError, RedisUnavailable
from workstreams.send.job import Job
from workstreams.send.order import Order, due_after, order_for
from workstreams.send.sender import Sender
from workstreams.store.client import redis_errors
from workstreams.store.embedded import attach
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.wait.ports import Admission, Captures

__all__ = ["WorkstreamBroker", "ours", "url_of"]


class WorkstreamBroker(Broker):
    """A broker over Redis whose messages wait there until their limits allow them.

    Making one reads no file and connects to nothing; the first send, or a worker, does.

    Parameters:
      config: A config, or where to find one; by default ``WORKSTREAMS_CONFIG`` or ``./config``.
      middleware: All middleware, in order. The one that decides outcomes stays last.

    Attributes:
      admission: Who lets work in; None in a process without a worker.
      captures: Who holds back what a finishing job sends.
    """

    def __init__(
        self,
        config: Config | str | Path | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._source = config
        self._config: Config | None = config if isinstance(config, Config) else None
        self._link: Link | None = None
        self._mutex = threading.RLock()
        self.admission: Admission | None = None
        self.captures: Captures | None = None
        self.sender = Sender(lambda: self.config, lambda: self.link)
        super().__init__(middleware=[])
        self.queues: set[str] = set()
        for one in middleware:
            self.add_middleware(one)

    # Where things are.

    @property
    def config(self) -> Config:
        """The config, read at the first use.

        Raises:
          ConfigError: With everything that is wrong with it.
        """
        with self._mutex:
            if self._config is None:
                assert not isinstance(self._source, Config)
                self._config = load_config(self._source)
            return self._config

    @property
    def link(self) -> Link:
        """The way to the server that the config names."""
        with self._mutex:
            if self._link is None:
                config = self.config
                self._link = Link(lambda: url_of(config), Keys(config.app))
            return self._link

    def configure(self, config: Config | str | Path) -> None:
        """Use another config from now on; for the start of a program and for tests."""
        with self._mutex:
            self.close()
            self._source = config
            self._config = config if isinstance(config, Config) else None

    def close(self) -> None:
        """Close the connections; the broker may be used again."""
        with self._mutex:
            if self._link is not None:
                self._link.close()
                self._link = None

    # Dramatiq's contract.

    def add_middleware(self, middleware: Middleware, **place: Any) -> None:
        """Add a middleware; one that says ``stays_last`` is kept at the end of the list."""
        super().add_middleware(middleware, **place)
        self.middleware.sort(key=lambda one: bool(getattr(one, "stays_last", False)))

    def declare_queue(self, queue_name: str) -> None:
        """Name a workstream; whether the config has it is checked when something is sent or run."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def get_declared_queues(self) -> set[str]:
        """The workstreams that actors named."""
        return set(self.queues)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """A consumer of one workstream.

        Parameters:
          queue_name: The workstream.
          prefetch: Ignored: no more is fetched than may start.
          timeout: Milliseconds for which it may wait.

        Raises:
          QueueNotFound: When no actor named the workstream, or no worker was booted here.
        """
        if queue_name not in self.queues or self.admission is None:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]
        return self.admission.consume(queue_name, timeout / 1000)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Send a message, or hold it for the finish of the job that sends it while it ends.

        Parameters:
          message: What to send.
          delay: Milliseconds to wait before it may start.

        Returns:
          The message as a job.

        Raises:
          UnknownWorkstream, PayloadError, WorkstreamFull, RedisUnavailable
        """
        return self.enqueue_many([message], due=_due(delay))[0]

    def enqueue_many(self, messages: Iterable[Message[Any]], *, due: str = "") -> list[Job[Any]]:
        """Send several messages in few calls.

        Parameters:
          messages: What to send.
          due: As :func:`workstreams.send.order.due_after` returns it.

        Returns:
          The jobs, in order.
        """
        orders: list[Order] = []
        for message in messages:
            self.emit_before("enqueue", message, None)
            orders.append(order_for(message, self.config.workstream(message.queue_name), due))
        pending = [order for order in orders if self.captures is None or not self.captures.capture(order)]
        if pending:
            self.sender.send(pending)
        for order in orders:
            self.emit_after("enqueue", order.job, None)
        return [order.job for order in orders]

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until nothing of a workstream waits, is scheduled or runs.

        Parameters:
          queue_name: The workstream.
          timeout: Milliseconds; None is for ever.

        Raises:
          QueueJoinTimeout: When the time is over first.
        """
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        while self._unfinished(queue_name):
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)  # type: ignore[no-untyped-call]
            time.sleep(0.02)

    def _unfinished(self, queue_name: str) -> int:
        link = self.link
        with redis_errors(link.url):
            pipe = link.scripts.client.pipeline(transaction=True)
            pipe.get(link.keys.workstream(queue_name, "waiting"))
            pipe.zcard(link.keys.workstream(queue_name, "scheduled"))
            pipe.zcard(link.keys.workstream(queue_name, "running"))
            waiting, scheduled, running = pipe.execute()
        return int(waiting or 0) + int(scheduled) + int(running)


def _due(delay: int | None) -> str:
    try:
        return due_after(delay)
    except ValueError as error:
        raise PayloadError(f"expected {error}, found {delay!r}") from None


def ours(broker: Broker) -> WorkstreamBroker:
    """The broker of a hook, which Dramatiq hands over as any broker.

    Raises:
      TypeError: When a middleware of ours was added to another broker.
    """
    if not isinstance(broker, WorkstreamBroker):
        raise TypeError(f"expected a WorkstreamBroker under this middleware, found a {type(broker).__name__}")
    return broker


def url_of(config: Config) -> str:
    """The URL of the server that a config names.

    Raises:
      NothingRunsHere: When it is an embedded one and none is up.
    """
    if config.redis != "embedded":
        return config.redis
    url = attach(config.state_dir)
    if not url:
        raise RedisUnavailable(f"expected an embedded server in {config.state_dir}, found none")
    return url
