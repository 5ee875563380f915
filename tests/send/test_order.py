from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.conftest import MakeConfig
from workstreams.declare.config import Workstream
from workstreams.errors import PayloadError, PayloadTooLarge
from workstreams.send.job import Job
from workstreams.send.order import due_after, due_at, order_for


@pytest.fixture
def mail(make_config: MakeConfig) -> Workstream:
    return make_config(mail={"max_payload": "1000B"}).workstream("mail")


def job(*args: Any, **options: Any) -> Job[Any]:
    return Job("mail", "act", args, {}, options)


@pytest.mark.parametrize(
    ("delay", "due"),
    [
        (None, ""),
        (0, ""),
        ("5m", "+300000000"),
        (250, "+250000"),
        (0.5, "+500"),
        (timedelta(seconds=2), "+2000000"),
    ],
)
def test_a_delay_is_text_with_a_unit_a_timedelta_or_milliseconds(delay: Any, due: str) -> None:
    assert due_after(delay) == due


@pytest.mark.parametrize("delay", [-1, "5", "-5s", "soon", timedelta(seconds=-1), float("nan"), float("inf")])
def test_a_delay_without_meaning_is_refused(delay: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        due_after(delay)


def test_an_instant_is_the_same_whatever_its_zone() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert due_at(moment) == due_at(moment.astimezone(there)) == "@1893499200123456"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        due_at(datetime(2030, 1, 1))


def test_an_order_carries_key_head_start_and_cost(mail: Workstream) -> None:
    order = order_for(job(1, key="acme", priority="high", cost=2.5), mail, "+5")
    assert (order.key, order.shift, order.cost, order.due) == ("acme", -300_000_000, 2.5, "+5")
    assert len(order.words()) == 9
    followup = order.followup()
    assert (followup["k"], followup["shift"], followup["cost"], followup["due"]) == (
        "acme",
        -300_000_000,
        2.5,
        "+5",
    )


def test_a_follow_up_for_an_instant_keeps_its_instant(mail: Workstream) -> None:
    assert order_for(job(), mail, "@1893499200123456").followup()["due"] == "@1893499200123456"


@pytest.mark.parametrize("cost", [0, -1, float("nan"), float("inf"), True, "3", None, [1]])
def test_a_cost_that_is_no_number_above_zero_is_refused(mail: Workstream, cost: Any) -> None:
    with pytest.raises(PayloadError):
        order_for(job(cost=cost), mail, "")


@pytest.mark.parametrize(
    ("due", "expires", "word"), [("", 1500, "!+1500000"), ("+5", 1, "+5!+1000"), ("@7", "@9", "@7!@9")]
)
def test_when_a_job_expires_rides_on_when_it_is_due(
    mail: Workstream, due: str, expires: Any, word: str
) -> None:
    assert order_for(job(expires=expires), mail, due).due == word


@pytest.mark.parametrize("expires", [0, -1, 1.5, True, "5m", "@", "@1x", None, [1]])
def test_an_end_without_meaning_is_refused(mail: Workstream, expires: Any) -> None:
    with pytest.raises(PayloadError, match="expires"):
        order_for(job(expires=expires), mail, "")


@pytest.mark.parametrize("priority", ["asap", 5, ["high"]])
def test_a_priority_without_meaning_is_refused(mail: Workstream, priority: Any) -> None:
    with pytest.raises(PayloadError, match="priority"):
        order_for(job(priority=priority), mail, "")


def test_a_payload_over_the_workstreams_size_is_refused_with_both_sizes(mail: Workstream) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        order_for(job("x" * 2000), mail, "")
    assert caught.value.limit == 1000
    assert 2000 < caught.value.size < 2300


def test_a_name_that_would_run_into_the_next_part_of_an_event_is_refused(mail: Workstream) -> None:
    for parting in "\x1f\x1e":
        with pytest.raises(PayloadError, match="job's key without"):
            order_for(job(key=f"a{parting}b"), mail, "")
        with pytest.raises(PayloadError, match="job's actor without"):
            order_for(dataclasses.replace(job(), actor_name=f"a{parting}b"), mail, "")
    for parting in "\x1f\x1e\n":
        with pytest.raises(PayloadError, match="job's id without"):
            order_for(dataclasses.replace(job(), message_id=f"a{parting}b"), mail, "")
