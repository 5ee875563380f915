from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import workstreams
from tests.conftest import MakeConfig
from workstreams.errors import PayloadError, UnknownWorkstream
from workstreams.send.actor import WorkstreamActor
from workstreams.wait.broker import WorkstreamBroker

Record = dict[str, str]


@pytest.fixture
def act(broker: WorkstreamBroker) -> WorkstreamActor[Any, Any]:
    @workstreams.actor(workstream="mail", key_arg="tenant", priority="low")
    def act(tenant: str = "", n: int = 0) -> None:
        """Does nothing."""

    return act


def record(broker: WorkstreamBroker, job_id: str) -> Record:
    found = broker.link.scripts.client.hgetall(broker.link.keys.workstream("mail", "job", job_id))
    return {name.decode(): value.decode() for name, value in found.items()}


def test_declaring_an_actor_connects_to_nothing_and_reads_nothing(
    tmp_path: Any, broker: WorkstreamBroker
) -> None:
    broker.configure(tmp_path / "missing.yml")

    @workstreams.actor(workstream="nowhere")
    def act() -> None:
        """Does nothing."""

    assert act.queue_name == "nowhere"


def test_the_key_is_taken_from_the_argument_that_is_named_however_it_is_passed(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    assert [job.options.get("key") for job in (act.send("a"), act.send(tenant="b"), act.send(n=1))] == [
        "a",
        "b",
        None,
    ]
    assert record(broker, act.send("acme").id)["key"] == "acme"


def test_options_of_a_send_stand_over_those_of_the_actor(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    job = act.send_with(args=("a",), key="b", priority="high", cost=2, timeout="3s", retries=1)
    assert job.options == {"key": "b", "priority": "high", "cost": 2, "time_limit": 3000, "max_retries": 1}
    assert record(broker, job.id)["shift"] == "-300000000"
    assert record(broker, act.send().id)["shift"] == "600000000"


def test_a_delayed_job_is_scheduled_and_one_for_an_instant_too(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for job in (act.send_with(delay="1h"), act.send_with(delay=3_600_000), act.send_with(at=soon)):
        assert record(broker, job.id)["state"] == "scheduled"
        assert abs(int(record(broker, job.id)["due"]) / 1e6 - soon.timestamp()) < 30


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": "1h", "at": datetime.now(UTC)},
        {"delay": "soon"},
        {"at": datetime(2030, 1, 1)},
        {"timeout": "5"},
        {"delay": -1},
    ],
)
def test_options_without_meaning_are_refused_before_anything_is_sent(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], wrong: dict[str, Any]
) -> None:
    with pytest.raises(PayloadError):
        act.send_with(**wrong)
    assert broker.join("mail", timeout=100) is None


def test_an_id_of_the_senders_choice_is_sent_once(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    for _ in range(2):
        assert act.send_with(args=("a",), job_id="invoice-7").id == "invoice-7"
    assert int(broker.link.scripts.client.get(broker.link.keys.workstream("mail", "waiting")) or 0) == 1


def test_many_jobs_are_sent_in_order_with_positional_or_named_arguments(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    jobs = act.send_many([("a", 1), {"tenant": "b", "n": 2}])
    assert [(job.args, job.kwargs, job.options["key"]) for job in jobs] == [
        (("a", 1), {}, "a"),
        ((), {"tenant": "b", "n": 2}, "b"),
    ]
    assert len({record(broker, job.id)["state"] for job in jobs}) == 1


def test_a_job_can_be_sent_by_name_without_its_actor(broker: WorkstreamBroker) -> None:
    job = workstreams.send("mail", "somewhere.else", 1, kwargs={"x": 2}, key="k", cost=3)
    assert record(broker, job.id)["actor"] == "somewhere.else"
    assert (record(broker, job.id)["key"], record(broker, job.id)["cost"]) == ("k", "3")


def test_a_workstream_that_nobody_declared_is_refused_with_the_nearest_name(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    with pytest.raises(UnknownWorkstream, match='did you mean "mail"'):
        workstreams.send("mial", "act")


@pytest.mark.parametrize("expires", ["10m", timedelta(minutes=10), datetime(2100, 1, 1, tzinfo=UTC)])
def test_a_job_carries_when_it_expires(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], expires: Any
) -> None:
    kept = record(broker, act.send_with(args=("a",), expires=expires).id)
    if isinstance(expires, datetime):
        assert int(kept["expires"]) == int(expires.timestamp()) * 1_000_000
    else:
        assert int(kept["expires"]) - int(kept["sent"]) == 600_000_000
    by_name = workstreams.send("mail", "act", "a", expires=expires)
    assert "expires" in record(broker, by_name.id)


@pytest.mark.parametrize("expires", ["soon", "-5m", datetime(2100, 1, 1)])
def test_an_end_that_is_neither_a_duration_nor_a_time_is_refused(
    act: WorkstreamActor[Any, Any], expires: Any
) -> None:
    with pytest.raises(PayloadError, match="expire"):
        act.send_with(args=("a",), expires=expires)
