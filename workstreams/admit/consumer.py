"""Dramatiq's consumer of one workstream: gives ends back to the exchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import orjson
from dramatiq import Consumer
from dramatiq.broker import MessageProxy
from dramatiq.errors import ActorNotFound

from workstreams.admit.delivery import Delivery
from workstreams.admit.exchange import Exchange
from workstreams.admit.lane import Lane
from workstreams.send.payload import options_of

__all__ = ["LaneConsumer"]

#: What rides on a finish and is waited for: a result, the next step, a group's last job.
AWAITED = frozenset({"res", "next", "group"})

#: Seconds between two looks of Dramatiq's consumer threads while draining.
DRAINED = 0.02

#: Retries of a job whose hooks are interrupted each time: then it is dead, and can be looked at.
MOST_INTERRUPTED = 20


class LaneConsumer(Consumer):
    """Consumes one lane, as far as Dramatiq is concerned.

    Deliveries reach the worker's threads without it (see :class:`WorkQueue`); what ends comes back
    here. None of its methods talks to Redis or raises a connection error: Dramatiq would sleep three
    or five seconds over one.

    Parameters:
      lane: Whose deliveries end here.
      exchange: Who carries their ends.
      timeout: Seconds for which :meth:`__next__` may wait.
      most_retries: Retries of a delivery, None for any number; asked where nobody decided its outcome.
    """

    def __init__(
        self, lane: Lane, exchange: Exchange, timeout: float, most_retries: Callable[[Delivery], int | None]
    ) -> None:
        self._lane = lane
        self._exchange = exchange
        self._timeout = timeout
        self._most_retries = most_retries

    def __next__(self) -> Delivery | None:
        """Nothing, after a while: Dramatiq's consumer thread asks in a loop until it is stopped."""
        if self._exchange.drained.wait(self._timeout):
            time.sleep(DRAINED)  # its caller asks in a loop until it is stopped
        return None

    def ack(self, message: MessageProxy) -> None:
        self._end(message)

    def nack(self, message: MessageProxy) -> None:
        self._end(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        for message in messages:
            if isinstance(message, Delivery):
                message.record = message.finish("handback", x='{"reason":"the worker stops"}')
                self._end(message)

    def _end(self, message: MessageProxy) -> None:
        if not isinstance(message, Delivery) or message.sealed:
            return
        message.sealed = True
        self._lane.leave()
        try:
            record = message.record or _without_outcome(message, self._most_retries)
        except Exception as error:
            # Whatever a middleware left in the message: its end must reach Redis.
            record = _undecided(message, error)
        if self._lane.margin is not None and message.begun - message.grant.asked > self._lane.margin:
            record["late"] = True
        self._exchange.finish(self._lane, record, urgent=not AWAITED.isdisjoint(record))


def _undecided(message: Delivery, error: Exception) -> dict[str, object]:
    """The finish of a delivery whose end cannot be put into words: again, with its options as they were."""
    text = f"{type(error).__name__}: {error}"
    described = orjson.dumps({"type": type(error).__name__, "message": text}).decode()
    if message.grant.attempt > MOST_INTERRUPTED:
        return message.finish("dead", err=described)
    details = orjson.dumps({"error": text, "delay_ms": 1000}).decode()
    return message.finish("retry", at=1_000_000, err=described, x=details)


def _without_outcome(message: Delivery, most_retries: Callable[[Delivery], int | None]) -> dict[str, object]:
    """The finish of a delivery whose outcome nobody decided.

    Dramatiq acks after an interrupted hook as well; a failure must never pass for success.
    """
    error = message.exception
    if error is None or isinstance(error, ActorNotFound):
        return message.finish("handback", x='{"reason":"no outcome was recorded"}', at=1_000_000)
    retries = message.options["retries"] = int(message.options.get("retries", 0)) + 1
    text = f"{type(error).__name__}: a hook was interrupted after the job"
    described = orjson.dumps({"type": type(error).__name__, "message": text}).decode()
    most = most_retries(message)
    if retries > (MOST_INTERRUPTED if most is None else most):
        return message.finish("dead", err=described)
    return message.finish(
        "retry",
        at=1_000_000,
        opts=options_of(message._message).decode(),
        err=described,
        x=orjson.dumps({"error": text, "delay_ms": 1000}).decode(),
    )
