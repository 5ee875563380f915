"""Blocks outside of jobs take from the same limits as jobs, and leave no slot behind, however they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lua.guests import Guests
from tests.lua.rig import BEGIN, SECOND, Rig
from tests.lua.slots import busy, held
from tests.lua.test_rates import most_within


@pytest.fixture
def guests(rig: Rig) -> Guests:
    return Guests(rig)


def status(rig: Rig, ws: str = "mail") -> dict[str, Any]:
    """What the status says of a workstream."""
    found = rig.scripts.run("status", {"wants": [[ws, 1]], "epoch": "", "fresh": "f"})
    state: dict[str, Any] = json.loads(found[1][0])
    return state


def test_a_guest_and_jobs_are_counted_together_in_a_rate(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "5/s"}}, mail={"within": ["api"]})
    rig.open("s1")
    rig.send("mail", 10)
    assert [guests.take("api").word for _ in range(2)] == ["in", "in"]
    assert len(rig.ask("s1", "mail", 10).grants) == 3
    said = guests.take("api")
    assert (said.word, said.why, said.by, said.wait) == ("held", "rate", "api", 1_010_000)


def test_no_window_ever_holds_more_than_the_rate_whoever_comes(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"rate": "10/s"})
    rig.open("s1")
    rig.send("mail", 100)
    starts: list[int] = []
    while rig.now < BEGIN + 6 * SECOND:
        if guests.take("mail").word == "in":
            starts.append(rig.now)
        answer = rig.ask("s1", "mail", 2)
        starts += [given.started for given in answer.grants]
        rig.tell("s1", *(given.end("done") for given in answer.grants))
        rig.advance(37_000)
    assert most_within(starts, SECOND + 10_000) == 10
    assert len(starts) >= 58


def test_a_guest_and_jobs_are_counted_together_in_a_concurrency(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 3}}, mail={"within": ["api"]})
    rig.open("s1")
    rig.send("mail", 10)
    sid = guests.new()
    guests.take("api", sid)
    given = rig.ask("s1", "mail", 10).grants
    assert len(given) == 2
    assert (guests.take("api").why, held(rig, "api")) == ("concurrency", 3)
    assert guests.give(sid, "api") == "given"
    assert len(rig.ask("s1", "mail", 10).grants) == 1
    assert held(rig, "api") == 3


def test_a_workstream_stands_for_its_own_limits_and_those_it_is_within(rig: Rig, guests: Guests) -> None:
    rig.publish(
        limits={"api": {"concurrency": 5, "rate": "2/s"}},
        mail={"within": ["api"], "concurrency": 3},
        text=None,
    )
    sid = guests.new()
    guests.take("mail", sid)
    assert (rig.running("mail"), held(rig, "api")) == (1, 1)
    assert guests.take("mail").word == "in"
    # All or nothing: the rate of the limit refuses, so no slot is taken.
    assert (guests.take("mail").by, rig.running("mail"), held(rig, "api")) == ("api", 2, 2)
    guests.give(sid, "mail")
    assert (rig.running("mail"), held(rig, "api")) == (1, 1)
    # A workstream without limits lets everybody in.
    assert guests.take("text").word == "in"


def test_who_holds_a_slot_of_one_limit_counts_in_the_others_when_they_get_a_concurrency(
    rig: Rig, guests: Guests
) -> None:
    rig.publish(limits={"api": {"rate": "9/s"}}, mail={"within": ["api"], "concurrency": 3})
    guests.take("mail")
    rig.publish("2", limits={"api": {"concurrency": 1}}, mail={"within": ["api"], "concurrency": 3})
    assert guests.take("api").why == "concurrency"


def test_what_is_refused_by_one_limit_is_charged_to_none(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"], "rate": "2/m"})
    sid = guests.new()
    guests.take("api", sid)
    for _ in range(5):
        assert guests.take("mail").by == "api"
    guests.give(sid, "api")
    assert guests.take("mail").word == "in"
    assert status(rig)["rates"][0]["used"] == 1


def test_a_cost_is_a_number_or_one_for_each_limit(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"tokens": {"rate": "1000/m"}}, mail={"within": ["tokens"], "rate": "10/m"})
    assert guests.take("mail", cost={"tokens": 900}).word == "in"
    assert guests.take("mail", cost={"tokens": 200}).by == "tokens"
    assert guests.take("tokens", cost=100).word == "in"
    assert guests.take("mail").by == "tokens"
    assert guests.take("mail", cost={"tokens": 0}).word == "in"
    assert guests.take("mail", cost={"tokens": 1001}).word == "dear"
    assert guests.take("tokens", cost=1001).word == "dear"


def test_a_paused_workstream_and_a_paused_limit_let_nobody_in(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "5/s"}}, mail={"within": ["api"], "paused": True}, text=None)
    said = guests.take("mail")
    assert (said.why, said.by, said.wait) == ("paused", "mail", -1)
    assert guests.take("api").word == "in"
    rig.client.hset(rig.keys.limit("api", "overrides"), "paused", "1")
    rig.client.hset(rig.keys.limit("api", "settings"), "live", "1")
    rig.advance(SECOND)
    assert guests.take("api").why == "paused"


def test_a_limit_that_nobody_published_is_said_to_be_none(rig: Rig, guests: Guests) -> None:
    assert guests.take("api").word == "unsettled"
    assert guests.give(guests.new(), "api") == "lost"


def test_a_take_that_is_sent_again_takes_once(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 3, "rate": "9/m"}}, mail={"within": ["api"]})
    call = guests.call(guests.new(), "api")
    assert {guests.tell(call).word for _ in range(3)} == {"in"}
    assert (held(rig, "api"), status(rig)["rates"][0]["used"]) == (1, 1)


def test_a_copy_of_a_refused_take_takes_nothing_when_it_comes_late(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    sid = guests.new()
    guests.take("api", sid)
    late = guests.call(guests.new(), "api")
    assert guests.tell(late).word == "held"
    guests.give(sid, "api")
    assert guests.tell(late).word == "held"
    assert held(rig, "api") == 0


def test_a_give_that_is_sent_again_says_the_same_and_gives_nothing_of_others(
    rig: Rig, guests: Guests
) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    first, second = guests.new(), guests.new()
    guests.take("api", first)
    assert guests.give(first, "api", "r1") == "given"
    guests.take("api", second)
    assert guests.give(first, "api", "r1") == "given"
    assert guests.give(first, "api", "r2") == "lost"
    assert held(rig, "api") == 1


def test_a_guest_is_a_used_slot_and_no_running_job(rig: Rig, guests: Guests) -> None:
    busy(rig, {"concurrency": 3}, 1)
    guests.take("mail")
    state = status(rig)
    assert (state["running"], state["workers"]) == (1, 1)
    assert state["slots"] == [{"limit": "mail", "used": 2, "allowed": 3}]


def test_comparing_what_runs_leaves_guests_alone(rig: Rig, guests: Guests) -> None:
    given = busy(rig, {"concurrency": 3}, 1)
    guests.take("mail")
    answer = rig.exchange(rig.call("s1", {}, holds=[f"mail/{given.id}~{given.delivery}"]))
    assert answer is not None
    assert (answer.gone, rig.running("mail")) == ((), 2)


def test_a_redis_that_lost_its_data_lets_no_guest_in_for_a_window(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "5/s"}}, mail={"within": ["api"]})
    assert guests.take("api").word == "in"
    rig.epoch = "an older one"
    assert guests.take("api").why == "rate"
    rig.advance(1_010_000)
    assert guests.take("api").word == "in"
