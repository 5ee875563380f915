"""Blocks outside of jobs take from the same limits as jobs, and leave no slot behind, however they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lua.guests import LEASE, Guests
from tests.lua.rig import BEGIN, SECOND, Rig
from tests.lua.test_rates import most_within
from tests.support import events_in


@pytest.fixture
def guests(rig: Rig) -> Guests:
    return Guests(rig)


@pytest.fixture
def ticking(rig: Rig) -> Rig:
    """An app whose clock is that of the server, so that a silence is one."""
    rig.client.delete(rig.keys.clock)
    return rig


def held(rig: Rig, limit: str) -> int:
    """How many hold a slot of a shared limit."""
    return int(rig.client.zcard(rig.keys.limit(limit, "holders")))


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


# Leases.


def test_a_guest_whose_process_died_holds_its_slots_no_longer_than_its_lease(
    rig: Rig, guests: Guests
) -> None:
    rig.publish(limits={"api": {"concurrency": 2}}, mail={"within": ["api"], "concurrency": 2})
    sid = guests.new()
    guests.take("mail", sid)
    guests.take("api")
    rig.renew(lease=LEASE)
    assert (rig.running("mail"), held(rig, "api")) == (1, 2)
    for _ in range(4):
        rig.advance(LEASE // 4)
        rig.renew(lease=LEASE)
    assert (rig.running("mail"), held(rig, "api")) == (0, 0)
    assert rig.client.zcard(rig.keys.sessions) == 0
    assert rig.client.exists(rig.keys.session(sid), rig.keys.workstream("mail", "guests")) == 0
    assert guests.give(sid, "mail") == "lost"
    [event] = events_in(rig.client, rig.keys.workstream("mail", "log"), "limit_lost")
    assert json.loads(event["x"]) == {"limit": "mail", "reason": "its lease ran out"}
    assert len(events_in(rig.client, rig.keys.log, "limit_lost")) == 1


def test_a_guest_that_is_renewed_keeps_its_slot(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    sid = guests.new()
    guests.take("api", sid)
    for _ in range(10):
        rig.advance(LEASE // 3)
        assert rig.renew(sid, lease=LEASE)[1] == []
    assert held(rig, "api") == 1
    guests.give(sid, "api")
    # Whoever renews it after that brings nothing back.
    assert rig.renew(sid, lease=LEASE)[1] == [sid.encode()]
    assert (held(rig, "api"), rig.client.zcard(rig.keys.sessions)) == (0, 0)


def test_where_only_guests_live_they_sweep_those_that_died(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 2}}, mail={"within": ["api"]})
    for _ in range(2):
        guests.take("api")
    for _ in range(4):
        rig.advance(LEASE // 4)
        said = guests.take("api", waits=False)
    assert said.word == "in"
    assert held(rig, "api") == 1


def test_where_calls_are_rare_a_dead_guest_is_swept_all_the_same(ticking: Rig) -> None:
    rig, guests = ticking, Guests(ticking)
    rig.publish(limits={"api": {"concurrency": 2}}, mail={"within": ["api"]})
    dead, living = guests.new(), guests.new()
    guests.take("api", dead)
    guests.take("api", living)
    # Each call comes after so long a silence that it may have been Redis that was away.
    rig.shift(10 * LEASE)
    assert guests.take("api", waits=False).word == "held"
    rig.renew(living, lease=20 * LEASE)
    rig.shift(10 * LEASE)
    assert guests.take("api", waits=False).word == "in"
    assert guests.give(living, "api") == "given"
    assert guests.give(dead, "api") == "lost"


def test_a_silence_after_a_renewal_is_a_new_one(ticking: Rig) -> None:
    rig, guests = ticking, Guests(ticking)
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    sid = guests.new()
    guests.take("api", sid)
    rig.shift(10 * LEASE)
    assert guests.take("api", waits=False).word == "held"
    rig.renew(sid, lease=LEASE)
    rig.shift(10 * LEASE)
    assert guests.take("api", waits=False).word == "held"
    assert guests.give(sid, "api") == "given"


def test_a_worker_sweeps_hundreds_of_guests_in_a_few_calls(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 300}}, mail={"within": ["api"]})
    rig.open("s1", lease=3600 * SECOND)
    for _ in range(200):
        guests.take("api")
    rig.advance(LEASE)
    rig.ask("s1", "mail")
    assert held(rig, "api") == 150
    rig.renew("s1")
    assert held(rig, "api") == 0


def test_a_guest_of_a_lease_that_ran_out_unswept_is_renewed(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    sid = guests.new()
    guests.take("api", sid)
    rig.advance(LEASE + 1)
    assert rig.renew(sid, lease=LEASE)[1] == []
    assert held(rig, "api") == 1


def test_a_slot_goes_back_to_where_it_was_taken_though_the_limits_changed(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"], "concurrency": 1})
    sid = guests.new()
    guests.take("mail", sid)
    rig.publish("2", limits={"api": {"rate": "1/s"}}, mail=None)
    assert guests.give(sid, "mail") == "given"
    assert (rig.running("mail"), held(rig, "api")) == (0, 0)


# Waiting.


def test_a_job_that_ends_wakes_the_guest_that_waits_longest_and_keeps_its_slot_for_it(
    rig: Rig, guests: Guests
) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    rig.open("s1", "mail")
    rig.send("mail", 10)
    [given] = rig.ask("s1", "mail").grants
    first, second = guests.new(), guests.new()
    ears = rig.listen("guest:p1", "s1")
    since = guests.take("api", first).since
    rig.advance(1000)
    guests.take("api", second)
    ears.heard()
    # The worker asks in the call that frees the slot.
    answer = rig.ask("s1", "mail", 1, [given.end("done")])
    assert (answer.grants, answer.why["mail"], answer.wait["mail"]) == ((), "concurrency", 50_000)
    assert ears.heard() == [("guest:p1", f"{first} now")]
    assert guests.take("api", first, since=since).word == "in"
    # It is over as soon as the guest came.
    assert not rig.ask("s1", "mail").grants
    guests.give(first, "api")
    assert ("guest:p1", f"{second} now") in ears.heard()
    # What a guest gives back is for whoever comes first.
    assert len(rig.ask("s1", "mail").grants) == 1


def test_a_slot_that_is_kept_for_a_guest_is_kept_for_a_moment_only(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 1})
    rig.open("s1", "mail")
    rig.send("mail", 10)
    [given] = rig.ask("s1", "mail").grants
    ears = rig.listen("guest:p1")
    guests.take("mail")
    wait = rig.ask("s1", "mail", 1, [given.end("done")]).wait["mail"]
    assert len(ears.heard()) == 1
    rig.advance(wait)
    assert len(rig.ask("s1", "mail").grants) == 1


def test_a_guest_whose_process_is_gone_is_passed_over(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 1})
    rig.open("s1", "mail")
    rig.send("mail", 2)
    [given] = rig.ask("s1", "mail").grants
    guests.take("mail")
    others, ears = Guests(rig, "p2"), rig.listen("guest:p2")
    rig.advance(1000)
    living = others.new()
    others.take("mail", living)
    rig.tell("s1", given.end("done"))
    assert ears.heard() == [("guest:p2", f"{living} now")]
    assert others.take("mail", living).word == "in"


def test_no_slot_is_kept_where_nobody_hears(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 1})
    rig.open("s1", "mail")
    rig.send("mail", 2)
    [given] = rig.ask("s1", "mail").grants
    guests.take("mail")
    assert len(rig.ask("s1", "mail", 1, [given.end("done")]).grants) == 1


def test_a_guest_that_leaves_wakes_a_worker_that_waits_for_the_slot(rig: Rig, guests: Guests) -> None:
    rig.publish(
        limits={"api": {"concurrency": 1}},
        mail={"within": ["api"], "concurrency": 1},
        text={"within": ["api"]},
    )
    rig.open("s1", "mail")
    rig.open("s2", "text")
    sid = guests.new()
    guests.take("mail", sid)
    rig.send("mail", 1)
    rig.send("text", 1)
    assert rig.ask("s1", "mail").why["mail"] == "concurrency"
    assert rig.ask("s2", "text").why["text"] == "concurrency"
    ears = rig.listen("s1", "s2")
    guests.give(sid, "mail")
    assert sorted(ears.heard()) == [("s1", "mail now"), ("s2", "text now")]
    assert len(rig.ask("s2", "text").grants) == 1


def test_who_tries_once_waits_in_no_line(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 1})
    sid = guests.new()
    guests.take("mail")
    assert guests.take("mail", sid, waits=False).why == "concurrency"
    queue = rig.keys.limit("mail", "queue")
    assert rig.client.zcard(queue) == 0
    # Nor does one whose time is over.
    guests.take("mail", sid)
    assert rig.client.zcard(queue) == 1
    assert 0 < rig.client.pttl(queue) <= 60_000
    guests.take("mail", sid, waits=False)
    assert rig.client.zcard(queue) == 0
    # Nor one that was cancelled.
    guests.take("mail", sid)
    assert guests.give(sid, "mail") == "lost"
    assert rig.client.zcard(queue) == 0


def test_a_line_keeps_its_order_when_its_first_comes_too_late(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 1})
    holder, first, second = guests.new(), guests.new(), guests.new()
    ears = rig.listen("guest:p1")
    guests.take("mail", holder)
    since = guests.take("mail", first).since
    rig.advance(1000)
    guests.take("mail", second)
    guests.give(holder, "mail")
    assert guests.take("mail", holder).word == "in"
    assert guests.take("mail", first, since=since).since == since
    guests.give(holder, "mail")
    assert [message for _, message in ears.heard()] == [f"{first} now"] * 2


# What others see of guests.


def test_a_guest_is_a_used_slot_and_no_running_job(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 3})
    rig.open("s1", "mail")
    rig.send("mail", 1)
    rig.ask("s1", "mail")
    guests.take("mail")
    state = status(rig)
    assert (state["running"], state["workers"]) == (1, 1)
    assert state["slots"] == [{"limit": "mail", "used": 2, "allowed": 3}]


def test_comparing_what_runs_leaves_guests_alone(rig: Rig, guests: Guests) -> None:
    rig.publish(mail={"concurrency": 3})
    rig.open("s1", "mail")
    rig.send("mail", 1)
    [given] = rig.ask("s1", "mail").grants
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
