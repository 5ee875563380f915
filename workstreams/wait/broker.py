"""The Dramatiq broker whose queues are workstreams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog
from dramatiq import Actor, Broker, Consumer, Message, Middleware
from dramatiq.errors import QueueNotFound
from dramatiq.middleware import MiddlewareError

from workstreams.declare.config import Config
from workstreams.errors import WorkstreamsError
from workstreams.send.actor import adopt_priority, completed, due_of, shift_by_number
from workstreams.send.handle import Operations
from workstreams.send.job import Job
from workstreams.send.order import Order, order_for
from workstreams.send.sender import Sender
from workstreams.send.told import ToldActors
from workstreams.store.link import Link
from workstreams.wait.arrival import delay_of, without_eta
from workstreams.wait.emptying import failure_in, flush, wait_until_empty
from workstreams.wait.hooks import Hooks
from workstreams.wait.ports import Admission, Captures
from workstreams.wait.stand_ins import StandIns, is_absorbed
from workstreams.wait.whereabouts import Whereabouts

__all__ = ["WorkstreamBroker", "ours"]


class WorkstreamBroker(Broker):
    """A broker over Redis whose messages wait there until their limits allow them.

    Making one reads no file and connects to nothing; the first send, or a worker, does.

    Parameters:
      config: A config, or where to find one; by default ``WORKSTREAMS_CONFIG`` or ``./config``.
      middleware: All middleware, in order. The one that decides outcomes stays last.

    Attributes:
      admission: Who lets work in; None in a process without a worker.
      captures: Who holds back what a finishing job sends.
      operations: Who carries out what is asked of a job.
      desks: Who lets in what stays within limits outside of a job.
      stand_ins: Middleware that one of the same kind, added later, replaces.
    """

    def __init__(
        self,
        config: Config | str | Path | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._whereabouts = Whereabouts(config)
        self.admission: Admission | None = None
        self.captures: Captures | None = None
        self.operations: Operations | None = None
        self.desks: Any = None
        self.stand_ins = StandIns()
        self.sender = Sender(lambda: self.config, lambda: self.link)
        self._told = ToldActors(lambda: self.link)
        super().__init__(middleware=[])
        self._hooks = Hooks(self.middleware)
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
        return self._whereabouts.config

    @property
    def link(self) -> Link:
        """The way to the server that the config names."""
        return self._whereabouts.link

    def configure(self, config: Config | str | Path) -> None:
        """Use another config from now on; for the start of a program and for tests."""
        self._whereabouts.move(config)

    def close(self) -> None:
        """Close the connections; the broker may be used again."""
        self._whereabouts.close()

    # Dramatiq's contract.

    def add_middleware(self, middleware: Middleware, **place: Any) -> None:
        """Add a middleware; one that says ``stays_last`` is kept at the end of the list.

        It takes the place of one of its kind that is there by default. Dramatiq's ``Retries`` and
        ``GroupCallbacks`` are not added: what they were given is taken over by those that do their
        work here.
        """
        if is_absorbed(middleware, self.middleware):
            self.actor_options |= middleware.actor_options
            return
        vacant = self.stand_ins.give_way(middleware, self.middleware)
        super().add_middleware(middleware, **place)
        if vacant is not None and not place:
            self.middleware.insert(vacant, self.middleware.pop())
        self.middleware.sort(key=lambda one: bool(getattr(one, "stays_last", False)))
        self._hooks.forget()

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call what middleware does before a moment; as Dramatiq, but without the hooks that do nothing."""
        for middleware, hook in self._hooks.before(signal):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:
                self.logger.critical(
                    "Unexpected failure in before_%s of %r.", signal, middleware, exc_info=True
                )

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call what middleware does after a moment, the last in the list first."""
        for middleware, hook in self._hooks.after(signal):
            try:
                hook(self, *args, **kwargs)
            except Exception:
                self.logger.critical(
                    "Unexpected failure in after_%s of %r.", signal, middleware, exc_info=True
                )

    def declare_actor(self, actor: Actor[..., Any]) -> None:
        """Declare an actor; a priority in words is kept from Dramatiq's own queue, which sorts numbers."""
        adopt_priority(actor)
        super().declare_actor(actor)

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
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
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
        return self.enqueue_many([message], due=due_of(delay, None))[0]

    def enqueue_many(self, messages: Iterable[Message[Any]], *, due: str = "") -> list[Job[Any]]:
        """Send several messages in few calls. One whose id was sent before is not sent again.

        Parameters:
          messages: What to send.
          due: As :func:`workstreams.send.order.due_after` returns it.

        Returns:
          The jobs, in order.
        """
        messages = list(messages)
        # What follows a job that ends here is held for its finish, which waits for Redis.
        self._told.prepare(messages, self.actors.keys(), fails=self.captures is None)
        orders = [self.order(message, due) for message in messages]
        pending = [order for order in orders if self.captures is None or not self.captures.capture(order)]
        if pending and self.sender.send(pending) < len(pending):
            known = pending[0].job.message_id if len(pending) == 1 else "one of many"
            structlog.get_logger("workstreams").info("already_sent", job=known)
        for order in orders:
            self.emit_after("enqueue", order.job, delay_of(order.due))
        return [order.job for order in orders]

    def order(self, message: Message[Any], due: str = "") -> Order:
        """Make a message ready to be sent, with what its actor and the hooks add to it.

        Parameters:
          message: What is to be sent.
          due: As for :meth:`enqueue_many`.

        Raises:
          UnknownWorkstream, PayloadError
        """
        if "eta" in message.options:
            message, due = without_eta(message, due)
        actor = self.actors.get(message.actor_name)
        message = self._told.completed(message) if actor is None else completed(message, actor)
        self.emit_before("enqueue", message, delay_of(due))
        try:
            order = order_for(message, self.config.workstream(message.queue_name), due)
        except WorkstreamsError as error:
            if self.captures is not None:
                self.captures.refuse(error)
            raise
        return order if actor is None else shift_by_number(order, actor)

    def flush(self, queue_name: str) -> None:
        """Discard what waits, is scheduled or is dead in a workstream; what runs is left alone.

        Raises:
          QueueNotFound: When there is no such workstream.
        """
        self._must_know(queue_name)
        flush(self.link, queue_name)

    def flush_all(self) -> None:
        """The same for every workstream that actors named."""
        for queue_name in sorted(self.queues):
            self.flush(queue_name)

    def join(self, queue_name: str, *, timeout: int | None = None, fail_fast: bool = False) -> None:
        """Wait until nothing of a workstream waits, is scheduled or runs.

        Parameters:
          queue_name: The workstream.
          timeout: Milliseconds; None is for ever.
          fail_fast: Whether to raise the error of a dead letter, if there is one then.

        Raises:
          QueueNotFound: When there is no such workstream.
          QueueJoinTimeout: When the time is over first.
          ResultFailure: With ``fail_fast``; it carries the error's type and message, since the job
            may have run in another process.
        """
        self._must_know(queue_name)
        wait_until_empty(self.link, queue_name, timeout)
        failure = failure_in(self.link, queue_name) if fail_fast else None
        if failure is not None:
            raise failure

    def _must_know(self, queue_name: str) -> None:
        if queue_name not in self.queues and queue_name not in self.config.workstreams:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped


def ours(broker: Broker) -> WorkstreamBroker:
    """The broker of a hook, which Dramatiq hands over as any broker.

    Raises:
      TypeError: When a middleware of ours was added to another broker.
    """
    if not isinstance(broker, WorkstreamBroker):
        raise TypeError(f"expected a WorkstreamBroker under this middleware, found a {type(broker).__name__}")
    return broker
