"""The words of a finish: what the exchange script is told of a delivery's end."""

from __future__ import annotations

import time
from typing import Any

import orjson

from workstreams.admit.delivery import Delivery
from workstreams.errors import PayloadError
from workstreams.finish.outcome import Outcome
from workstreams.send.order import Order
from workstreams.send.payload import carried, options_of

__all__ = ["options_to_keep", "record_of", "record_of_another_go"]


def record_of(message: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The record of a decided outcome; a retry is counted in the message's options.

    Parameters:
      message: What ran.
      outcome: How it ended.
    """
    if outcome.kind == "done":
        return message.finish("done")
    details: dict[str, Any] = {}
    if outcome.wait:
        details["at"] = outcome.wait
    if outcome.scope:
        details["scope"] = outcome.scope
    if outcome.error is not None:
        details["err"] = orjson.dumps(outcome.error).decode()
    if outcome.kind == "retry":
        details["opts"] = _spend_retry(message, outcome)
        details["x"] = _details(message, outcome)
    elif outcome.kind in ("defer", "handback"):
        details["x"] = orjson.dumps({"reason": outcome.why, "wait_ms": outcome.wait / 1000}).decode()
    return message.finish(outcome.kind, **details)


def record_of_another_go(message: Delivery, again: Order) -> dict[str, Any]:
    """The record of a job that was sent again while it ran: it waits anew, as it was sent then.

    Parameters:
      message: What ran.
      again: What was sent.
    """
    reason = "it was sent again while it ran"
    wait = _wait_of(again.due)
    return message.finish(
        "retry",
        at=wait,
        body=again.body.decode(),
        opts=again.options.decode(),
        err=orjson.dumps({"type": "Retry", "message": reason}).decode(),
        x=orjson.dumps({"reason": reason, "delay_ms": wait / 1000}).decode(),
    )


def options_to_keep(message: Delivery) -> tuple[str, list[str]]:
    """The options of a message that ran, as its record is to keep them.

    What JSON cannot carry, a span of a tracer for one, must not cost the job its finish: such an
    option stays as the record had it when the run began, or is left out.

    Parameters:
      message: What ran.

    Returns:
      JSON, and the names of the options that cannot be kept.
    """
    try:
        return options_of(message._message).decode(), []
    except PayloadError:
        can, cannot = carried(message.options)
    stored = orjson.loads(message.grant.options)
    before = {name: stored[name] for name in cannot if name in stored}
    return orjson.dumps(before | can).decode(), cannot


def _wait_of(due: str) -> int:
    if due.startswith("@"):
        return max(0, int(due[1:]) - time.time_ns() // 1000)
    return int(due[1:] or 0)


def _details(message: Delivery, outcome: Outcome) -> str:
    error = outcome.error or {}
    text = f"{error.get('type')}: {error.get('message')}"
    return orjson.dumps({"error": text, "delay_ms": outcome.wait / 1000}).decode()


def _spend_retry(message: Delivery, outcome: Outcome) -> str:
    """The options of the next attempt, with the counters that Dramatiq's own Retries keeps."""
    message.options["retries"] = int(message.options.get("retries", 0)) + 1
    message.options["traceback"] = (outcome.error or {}).get("traceback", "")
    message.options["requeue_timestamp"] = int(time.time() * 1000)
    return options_to_keep(message)[0]
