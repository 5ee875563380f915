from __future__ import annotations

import json
from typing import Any

import dramatiq
import pytest

from tests.admit.fakes import grant
from workstreams.admit.deliverer import UNKNOWN_ACTOR_WAIT, Deliverer
from workstreams.admit.delivery import Delivery, Grant
from workstreams.wait.broker import WorkstreamBroker


def granted(**changes: Any) -> Grant:
    return Grant.of(grant("a"), 0.0)._replace(**changes)


@pytest.fixture
def deliverer(broker: WorkstreamBroker) -> Deliverer:
    dramatiq.actor(lambda: None, actor_name="act", queue_name="mail", broker=broker)
    return Deliverer(broker, "h:1")


def test_a_job_is_delivered_to_the_workstream_that_it_was_taken_from(deliverer: Deliverer) -> None:
    for name in ("mail", "text"):
        delivery = deliverer(granted(workstream=name))
        assert isinstance(delivery, Delivery)
        assert (delivery.message_id, delivery.queue_name, delivery.bound) == ("a", name, None)


def test_a_job_whose_actor_is_unknown_here_is_offered_again_later(broker: WorkstreamBroker) -> None:
    finish = Deliverer(broker, "h:1")(granted())
    assert isinstance(finish, dict)
    assert (finish["o"], finish["at"]) == ("handback", UNKNOWN_ACTOR_WAIT)
    assert json.loads(finish["x"]) == {"reason": "actor unknown to h:1"}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"args": []}', b'{"args": 1, "actor_name": "act"}'])
def test_a_record_that_cannot_be_read_is_dead_and_costs_no_thread(deliverer: Deliverer, body: bytes) -> None:
    finish = deliverer(granted(body=body))
    assert isinstance(finish, dict)
    assert (finish["o"], json.loads(finish["err"])["type"]) == ("dead", "PayloadError")


def test_a_job_that_nobody_could_deliver_is_dead_and_costs_no_thread(
    deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OverflowError("too much")

    monkeypatch.setattr(deliverer, "_bound_of", fail)
    finish = deliverer(granted())
    assert isinstance(finish, dict)
    assert json.loads(finish["err"]) == {"type": "OverflowError", "message": "too much"}
