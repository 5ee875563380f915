"""The middleware that decides how a delivery ends, and gathers what ends with it.

It stays last in the list, so its after-hook is the first to run. From there until the ack
everything that is sent (a callback, the next step of a pipeline) is held and written by
the finish itself: once, or not at all when the lease was lost.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import orjson
import structlog
from dramatiq import Actor, Middleware
from dramatiq.broker import Broker, MessageProxy

from workstreams.admit.delivery import Delivery
from workstreams.finish.outcome import Outcome, RetryPolicy, decide
from workstreams.send.order import Order
from workstreams.send.payload import options_of
from workstreams.wait.broker import WorkstreamBroker, ours

__all__ = ["Outcomes"]


class Outcomes(Middleware):
    """Decides outcomes; Dramatiq's Retries must not be beside it."""

    stays_last = True

    def __init__(self) -> None:
        self._open = threading.local()

    @property
    def actor_options(self) -> set[str]:
        return {"max_retries", "min_backoff", "max_backoff", "retry_when", "throws", "on_retry_exhausted"}

    # Dramatiq's moments.

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Note the start; whatever an earlier job left open on this thread is closed."""
        ours(broker).captures = self
        self._open.delivery = None
        if isinstance(message, Delivery):
            message.begin()

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Decide; a second call means that a later hook was interrupted after a success."""
        if not isinstance(message, Delivery):
            return
        broker = ours(broker)
        actor = broker.actors.get(message.actor_name)
        retries = int(message.options.get("retries", 0))
        outcome = decide(exception, retries, policy_of(broker, message, actor))
        self._open.delivery = message
        if outcome.error is not None and exception is not None:
            _say_failed(outcome, exception)
        if outcome.kind == "dead":
            message.fail()
        message.record = _record(message, outcome)
        if outcome.kind == "dead":
            self._tell_exhausted(broker, message, actor, retries)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """A skipped message is dead if it was failed, else discarded."""
        if isinstance(message, Delivery):
            error = {"type": "SkipMessage", "message": str(message.exception or "skipped by a middleware")}
            self._open.delivery = message
            message.record = _record(message, Outcome("dead" if message.failed else "discard", error=error))

    def before_ack(self, broker: Broker, message: MessageProxy) -> None:
        """What is sent from now on is nobody's follow-up."""
        self._open.delivery = None

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        """The same for a dead one."""
        self._open.delivery = None

    # What the broker asks.

    def capture(self, order: Order) -> bool:
        """Hold an order that belongs to a finish."""
        delivery: Delivery | None = getattr(self._open, "delivery", None)
        if delivery is None or delivery.record is None:
            return False
        if order.job.message_id == delivery.message_id:
            # A middleware that re-sends the message itself, as Dramatiq's Retries does.
            wait = int(order.due[1:]) if order.due.startswith("+") else 0
            delivery.record = _record(
                delivery, Outcome("retry", wait=wait, error={"type": "Retry", "message": ""})
            )
        else:
            delivery.record.setdefault("next", []).append(order.followup())
        return True

    def _tell_exhausted(
        self, broker: WorkstreamBroker, message: Delivery, actor: Actor[..., Any] | None, retries: int
    ) -> None:
        named = message.options.get("on_retry_exhausted") or (
            actor and actor.options.get("on_retry_exhausted")
        )
        if named:
            policy = policy_of(broker, message, actor)
            broker.get_actor(named).send(message.asdict(), {"retries": retries, "max_retries": policy.most})


def policy_of(broker: WorkstreamBroker, message: Delivery, actor: Actor[..., Any] | None) -> RetryPolicy:
    """How a message is tried again: its own options over its actor's over its workstream's."""
    given = {**(actor.options if actor else {}), **message.options}
    retries = broker.config.workstream(message.grant.workstream).retries
    most = given.get("max_retries", retries.max)
    return RetryPolicy(
        most=most,
        min_backoff=int(given["min_backoff"] * 1000) if given.get("min_backoff") else retries.min_backoff,
        max_backoff=int(given["max_backoff"] * 1000) if given.get("max_backoff") else retries.max_backoff,
        jitter=retries.jitter,
        when=actor.options.get("retry_when") if actor else None,
        throws=given.get("throws"),
    )


def _say_failed(outcome: Outcome, exception: BaseException) -> None:
    """One line in the job's own log, with the traceback where it is news."""
    log = structlog.get_logger("workstreams")
    if outcome.kind == "discard":
        return
    log.error("failed", error=f"{type(exception).__name__}: {exception}", exc_info=exception)


def _record(message: Delivery, outcome: Outcome) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if outcome.wait:
        details["at"] = outcome.wait
    if outcome.error is not None:
        details["err"] = orjson.dumps(outcome.error).decode()
    if outcome.kind == "retry":
        details["opts"] = _spend_retry(message, outcome)
        details["x"] = _details(message, outcome)
    elif outcome.kind in ("defer", "handback"):
        details["x"] = orjson.dumps({"reason": outcome.why, "wait_ms": outcome.wait / 1000}).decode()
    return message.finish(outcome.kind, **details)


def _details(message: Delivery, outcome: Outcome) -> str:
    error = outcome.error or {}
    text = f"{error.get('type')}: {error.get('message')}"
    return orjson.dumps({"error": text, "delay_ms": outcome.wait / 1000}).decode()


def _spend_retry(message: Delivery, outcome: Outcome) -> str:
    """The options of the next attempt, with the counters that Dramatiq's own Retries keeps."""
    message.options["retries"] = int(message.options.get("retries", 0)) + 1
    message.options["traceback"] = (outcome.error or {}).get("traceback", "")
    message.options["requeue_timestamp"] = int(time.time() * 1000)
    return options_of(message._message).decode()
