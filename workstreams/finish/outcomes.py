"""The middleware that decides how a delivery ends, and gathers what ends with it.

It stays last in the list, so its after-hook is the first to run. From there until the ack
everything that is sent (a callback, the next step of a pipeline) is held and written by
the finish itself: once, or not at all when the lease was lost. A job that is sent again while
it runs waits again when it ends.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import orjson
import structlog
from dramatiq import Actor, Middleware, RateLimitExceeded, Retry
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import MiddlewareError, Retries
from dramatiq.results import Results

from workstreams.admit.delivery import Delivery
from workstreams.finish.deaths import register_actors
from workstreams.finish.outcome import Outcome, RetryPolicy, decide, describe, text_of
from workstreams.finish.policy import options_over, policy_of
from workstreams.finish.records import options_to_keep, record_of, record_of_another_go
from workstreams.finish.results import StoredResults
from workstreams.finish.scopes import with_limit
from workstreams.run.under_way import under_way
from workstreams.send.order import Order
from workstreams.wait.broker import WorkstreamBroker, ours

__all__ = ["Outcomes"]

#: Ends after which a job would not run again by itself.
FINAL = frozenset({"done", "discard", "dead"})

#: The end of most runs.
DONE = Outcome("done")


class Outcomes(Middleware):
    """Decides outcomes, in place of Dramatiq's ``Retries``."""

    stays_last = True

    def __init__(self) -> None:
        self._open = threading.local()
        self._given: Retries | None = None

    @property
    def actor_options(self) -> set[str]:
        return {
            "max_retries",
            "min_backoff",
            "max_backoff",
            "retry_when",
            "throws",
            "on_retry_exhausted",
            "on_dead",
        }

    def absorb(self, other: Middleware) -> bool:
        """Take over what a ``Retries`` of Dramatiq's was given: it stands over the workstreams' own."""
        if type(other) is not Retries:
            return False
        self._given = other
        return True

    # Dramatiq's moments.

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        """From now on jobs end here; and wherever they die, it is known whom to tell."""
        ours(broker).captures = self
        self.register(ours(broker))

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
        if exception is None:
            failed = "a middleware marked it as failed"
            self._end(broker, message, _failed_by_a_middleware(failed) if message.failed else DONE)
            return
        actor = broker.actors.get(message.actor_name)
        retries = int(message.options.get("retries", 0))
        policy = self._policy(broker, message)
        outcome = with_limit(decide(exception, retries, policy), broker.config, message)
        self._end(broker, message, outcome)
        if outcome.error is not None:
            # The outcome stands by now, whatever a logger of the user's does.
            with contextlib.suppress(Exception):
                _say_failed(outcome, exception, policy)
        if message.record is not None and message.record["o"] == "dead":
            self._tell_exhausted(broker, message, actor, retries, policy, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """A skipped message is dead if it was failed, else discarded."""
        if isinstance(message, Delivery):
            why = text_of(message.exception) if message.exception else "skipped by a middleware"
            error = {"type": "SkipMessage", "message": why}
            self._end(ours(broker), message, Outcome("dead" if message.failed else "discard", error=error))

    def before_ack(self, broker: Broker, message: MessageProxy) -> None:
        """What is sent from now on is nobody's follow-up."""
        self._open.delivery = None

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        """The same for a dead one; a middleware may have failed it only after it was done."""
        self._open.delivery = None
        if isinstance(message, Delivery) and message.record is not None and message.record["o"] == "done":
            self._bury(ours(broker), message, _failed_by_a_middleware("a middleware marked it as failed"))

    # What the broker asks.

    def most_retries(self, broker: WorkstreamBroker, message: Delivery) -> int | None:
        """Also for one whose outcome was not decided here, because a hook before was interrupted."""
        return self._policy(broker, message).most

    def register(self, broker: WorkstreamBroker) -> None:
        """Tell Redis of the actors here; once more if it has lost what it was told."""
        register_actors(broker, self._given)

    def capture(self, order: Order) -> bool:
        """Hold an order that belongs to a finish."""
        run = under_way()
        if run is not None and not run.delivery.sealed and _is_itself(order, run.delivery):
            run.again = order
            if run.delivery.record is not None and run.delivery.record["o"] in FINAL:
                run.delivery.record = record_of_another_go(run.delivery, order)
            return True
        delivery: Delivery | None = getattr(self._open, "delivery", None)
        if delivery is None or delivery.record is None:
            return False
        # What was to follow a success does not follow when a part of it cannot be sent.
        if not self._open.refused:
            delivery.record.setdefault("next", []).append(order.followup())
        return True

    def refuse(self, error: Exception) -> None:
        """A success of which a follow-up cannot be sent is a failure that somebody must look at."""
        delivery: Delivery | None = getattr(self._open, "delivery", None)
        if delivery is None or delivery.record is None or delivery.record["o"] != "done":
            return
        self._open.refused = True
        delivery.fail()
        delivery.stuff_exception(error)
        self._bury(self._open.broker, delivery, Outcome("dead", error=describe(error)))

    # How.

    def _policy(self, broker: WorkstreamBroker, message: Delivery) -> RetryPolicy:
        return policy_of(broker.config, message, broker.actors.get(message.actor_name), self._given)

    def _end(self, broker: WorkstreamBroker, message: Delivery, outcome: Outcome) -> None:
        run = under_way()
        self._open.delivery, self._open.refused, self._open.broker = message, False, broker
        if run is not None and run.again is not None and outcome.kind in FINAL:
            message.record = record_of_another_go(message, run.again)
        elif outcome.kind == "dead":
            message.fail()
            self._bury(broker, message, outcome)
        else:
            message.record = record_of(message, outcome)
            if outcome.kind == "retry":
                _announce(broker, message, outcome.wait // 1000)

    def _bury(self, broker: WorkstreamBroker, message: Delivery, outcome: Outcome) -> None:
        """Dead, and so is the result: Dramatiq's ``Results`` stores it only after the nack."""
        message.record = record_of(message, outcome)
        options = options_over(message, broker.actors.get(message.actor_name))
        for one in broker.middleware:
            if not isinstance(one, Results) or not isinstance(one.backend, StoredResults):
                continue
            if options.get("store_results", one.store_results):
                error = message.exception or Exception((outcome.error or {}).get("message", "unknown"))
                one.backend.store_exception(message, error, options.get("result_ttl", one.result_ttl))

    def _tell_exhausted(
        self,
        broker: WorkstreamBroker,
        message: Delivery,
        actor: Actor[..., Any] | None,
        retries: int,
        policy: RetryPolicy,
        exception: BaseException,
    ) -> None:
        """Dramatiq's own word, for retries that are used up; ``on_dead`` is told by the finish."""
        told = options_over(message, actor).get("on_retry_exhausted")
        thrown = policy.throws is not None and isinstance(exception, policy.throws)
        if told and not thrown:
            as_sent = message.asdict() | {"options": orjson.loads(options_to_keep(message)[0])}
            broker.get_actor(told).send(as_sent, {"retries": retries, "max_retries": policy.most})


def _announce(broker: WorkstreamBroker, message: Delivery, delay: int) -> None:
    """A retry is an enqueue to all middleware, which may count it or add to its options."""
    job, log = message._message, structlog.get_logger("workstreams")
    try:
        broker.emit_before("enqueue", job, delay)
    except MiddlewareError as error:
        log.warning("retried_nevertheless", error=str(error))
    if message.record is not None:
        message.record["opts"], left_out = options_to_keep(message)
        if left_out:
            log.warning("options_left_out", options=left_out, reason="JSON cannot carry them")
    broker.emit_after("enqueue", job, delay)


def _is_itself(order: Order, delivery: Delivery) -> bool:
    return (order.job.message_id, order.job.queue_name) == (delivery.message_id, delivery.queue_name)


def _failed_by_a_middleware(why: str) -> Outcome:
    return Outcome("dead", error={"type": "Failed", "message": why}, why=why)


def _say_failed(outcome: Outcome, exception: BaseException, policy: RetryPolicy) -> None:
    """One line in the job's own log, with the traceback where it is news."""
    log = structlog.get_logger("workstreams")
    if outcome.kind == "discard":
        return
    error = f"{type(exception).__name__}: {exception}"
    expected = isinstance(exception, Retry | RateLimitExceeded)
    if expected or (policy.throws is not None and isinstance(exception, policy.throws)):
        log.info("failed", error=error)
    else:
        # Where nobody set structlog up, its default would print the values of all variables, and
        # Dramatiq's own logger has the traceback already.
        log.error("failed", error=error, exc_info=exception if structlog.is_configured() else None)
