"""What a job charges when it knows it, through a worker and a real server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import workstreams
from tests.conftest import MakeConfig
from tests.support import config_of, working
from workstreams import current_job
from workstreams.app import build_broker
from workstreams.errors import PayloadError, RedisUnavailable
from workstreams.run.charging import Charging
from workstreams.run.context import CurrentJob
from workstreams.state import read_status
from workstreams.wait.broker import WorkstreamBroker


def used(broker: WorkstreamBroker) -> dict[str, float]:
    """How much of each rate of mail is used."""
    [state] = read_status(broker.link, broker.config, ["mail"])
    return {rate.limit: rate.used for rate in state.rates}


@pytest.fixture
def llm(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    broker.configure(make_config({"tokens": {"rate": "1000/h"}}, mail={"rate": "50/h", "within": ["tokens"]}))
    return broker


def run(cost: Any) -> str | None:
    """Run a job that charges; returns the type of the error that it was told."""
    told: list[str] = []

    @workstreams.actor(workstream="mail", retries=0)
    def act() -> None:
        try:
            current_job().charge(cost)
        except workstreams.WorkstreamsError as error:
            told.append(f"{type(error).__name__}: {error}")

    with working(workstreams.current_broker()):
        assert act.send().wait(timeout="10s").state == "done"
    return told[0] if told else None


def test_a_job_charges_what_it_learned(llm: WorkstreamBroker) -> None:
    assert run({"tokens": 250}) is None
    assert used(llm) == {"mail": 1, "tokens": 251}


def test_a_number_is_charged_to_all_of_them(llm: WorkstreamBroker) -> None:
    assert run(3) is None
    assert used(llm) == {"mail": 4, "tokens": 4}


@pytest.mark.parametrize(
    ("cost", "sentence"),
    [
        (-1, "a number of 0 or more"),
        (float("nan"), "a number of 0 or more"),
        (2**64, "a number of 0 or more"),
        ("5", "a number of 0 or more"),
        (True, "a number of 0 or more"),
        ({"tokens": -1}, 'a cost for "tokens" that is a number of 0 or more, found -1'),
        ({"token": 5}, 'found "token" (did you mean "tokens"?)'),
    ],
)
def test_a_charge_without_a_meaning_is_refused_in_a_sentence(
    llm: WorkstreamBroker, cost: Any, sentence: str
) -> None:
    told = run(cost)
    assert told is not None
    assert told.startswith("PayloadError: expected ")
    assert sentence in told
    assert used(llm) == {"mail": 1, "tokens": 1}


def test_limits_that_redis_lost_meanwhile_are_published_again(llm: WorkstreamBroker) -> None:
    told: list[BaseException] = []

    @workstreams.actor(workstream="mail", retries=0)
    def act() -> None:
        llm.link.scripts.client.delete(llm.link.keys.workstream("mail", "settings"))
        # What the last call knew is believed for a second, which the test does not wait for.
        llm.link.scripts.client.hset(llm.link.keys.clock, "by", "")
        try:
            current_job().charge({"tokens": 7})
        except Exception as error:
            told.append(error)

    with working(llm):
        assert act.send().wait(timeout="10s").state == "done"
    assert told == []
    assert used(llm)["tokens"] == 8


def test_a_charge_of_a_job_made_by_hand_is_refused() -> None:
    job = CurrentJob("j1", "mail", "act", 1, 1, "", "h:1", lambda *_: None)
    with pytest.raises(RuntimeError, match="made by hand"):
        job.charge(1)


def test_a_job_is_told_in_bounded_time_that_redis_is_away(app_name: str, tmp_path: Path) -> None:
    broker = build_broker(config_of(app_name, f"unix://{tmp_path}/nobody.sock", tmp_path, {"mail": None}))

    class Run:
        grant = type("Grant", (), {"workstream": "mail", "job_id": "j1", "key": "", "attempt": 1})
        actor_name = "act"

    charging = Charging(broker, Run, "h:1")  # type: ignore[arg-type]  # as much of a delivery as is read
    began = time.monotonic()
    with pytest.raises(RedisUnavailable):
        charging(1)
    assert time.monotonic() - began < 4
    # What has no meaning is refused before anybody is asked.
    with pytest.raises(PayloadError):
        charging(-1)
