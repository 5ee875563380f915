from __future__ import annotations

import json
import time
from typing import Any

from dramatiq.errors import ActorNotFound
from dramatiq.middleware import Interrupt

from tests.admit.fakes import Bench, answer
from tests.admit.test_lane import delivery, granted
from workstreams.admit.consumer import LaneConsumer
from workstreams.admit.delivery import Delivery


def ended(
    one: Delivery, how: str = "ack", margin: float | None = None, most: int | None = None
) -> list[dict[str, Any]]:
    """What a finish says that leaves by a consumer."""
    bench = Bench(answer())
    bench.lane.margin = margin
    consumer = LaneConsumer(bench.lane, bench.exchange, 0.01, lambda _: most)
    getattr(consumer, how)([one] if how == "requeue" else one)
    consumer.ack(one)
    return bench.told()


def test_the_decided_outcome_is_told_once_whatever_dramatiq_calls() -> None:
    for how in ("ack", "nack"):
        one = delivery("a")
        one.record = one.finish("discard", err="{}")
        assert [finish["o"] for finish in ended(one, how)] == ["discard"]


def test_a_failure_without_an_outcome_is_a_retry_that_spends_one() -> None:
    for error in (ValueError("x"), Interrupt("x")):
        one = delivery("a")
        one.stuff_exception(error)
        [finish] = ended(one)
        assert finish["o"] == "retry"
        assert json.loads(finish["opts"])["retries"] == 1
        assert finish["at"] > 0


def test_neither_an_outcome_nor_a_failure_is_a_hand_back() -> None:
    assert ended(delivery("a"))[0]["o"] == "handback"
    unknown = delivery("b")
    unknown.stuff_exception(ActorNotFound("act"))
    assert ended(unknown)[0]["o"] == "handback"


def test_what_a_stopping_worker_did_not_start_is_handed_back() -> None:
    assert [finish["o"] for finish in ended(delivery("a"), "requeue")] == ["handback"]


def test_a_start_that_comes_later_than_the_margin_is_counted_as_late() -> None:
    late, prompt = delivery("a"), delivery("b")
    for one, after in ((late, 0.2), (prompt, 0.05)):
        one.begun = one.grant.asked + after
        one.record = one.finish("done")
    assert ended(late, margin=0.1)[0].get("late") is True
    assert "late" not in ended(prompt, margin=0.1)[0]
    assert "late" not in ended(delivery("c"), margin=None)[0]


def test_it_gives_nothing_and_while_draining_returns_at_once() -> None:
    bench = Bench(answer())
    bench.lane.put([granted("a")])
    consumer = LaneConsumer(bench.lane, bench.exchange, 0.05, lambda _: None)
    began = time.monotonic()
    assert next(consumer) is None
    assert time.monotonic() - began >= 0.05
    patient = LaneConsumer(bench.lane, bench.exchange, 30, lambda _: None)
    bench.exchange.drain()
    assert next(patient) is None
    assert time.monotonic() - began < 5


def test_an_end_that_cannot_be_put_into_words_still_reaches_redis() -> None:
    for attempt, outcome in ((1, "retry"), (99, "dead")):
        one = delivery("a")
        one.grant = one.grant._replace(attempt=attempt)
        one.options["span"] = object()
        one.stuff_exception(ValueError("x"))
        [finish] = ended(one)
        assert finish["o"] == outcome
        assert "opts" not in finish
        assert "span" in finish["err"] or "object" in finish["err"]


def test_a_failure_without_an_outcome_of_a_job_that_is_not_to_be_retried_is_dead() -> None:
    one = delivery("a")
    one.stuff_exception(ValueError("x"))
    assert [finish["o"] for finish in ended(one, most=0)] == ["dead"]
