"""What a block holds is leased: it is kept while it is renewed, and free when its process is gone."""

from __future__ import annotations

import json

import pytest

from tests.lua.guests import LEASE, Guests
from tests.lua.rig import SECOND, Rig
from tests.lua.slots import held
from tests.support import events_in


@pytest.fixture
def guests(rig: Rig) -> Guests:
    return Guests(rig)


@pytest.fixture
def ticking(rig: Rig) -> Rig:
    """An app whose clock is that of the server, so that a silence is one."""
    rig.client.delete(rig.keys.clock)
    return rig


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
