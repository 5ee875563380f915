"""Blocks that wait for a slot stand in a line, and are woken in its order."""

from __future__ import annotations

import pytest

from tests.lua.guests import Guests
from tests.lua.rig import Rig
from tests.lua.slots import busy


@pytest.fixture
def guests(rig: Rig) -> Guests:
    return Guests(rig)


def test_a_job_that_ends_wakes_the_guest_that_waits_longest_and_keeps_its_slot_for_it(
    rig: Rig, guests: Guests
) -> None:
    given = busy(rig, {"within": ["api"]}, 10, api={"concurrency": 1})
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
    given = busy(rig, {"concurrency": 1}, 10)
    ears = rig.listen("guest:p1")
    guests.take("mail")
    wait = rig.ask("s1", "mail", 1, [given.end("done")]).wait["mail"]
    assert len(ears.heard()) == 1
    rig.advance(wait)
    assert len(rig.ask("s1", "mail").grants) == 1


def test_a_guest_whose_process_is_gone_is_passed_over(rig: Rig, guests: Guests) -> None:
    given = busy(rig, {"concurrency": 1}, 2)
    guests.take("mail")
    others, ears = Guests(rig, "p2"), rig.listen("guest:p2")
    rig.advance(1000)
    living = others.new()
    others.take("mail", living)
    rig.tell("s1", given.end("done"))
    assert ears.heard() == [("guest:p2", f"{living} now")]
    assert others.take("mail", living).word == "in"


def test_no_slot_is_kept_where_nobody_hears(rig: Rig, guests: Guests) -> None:
    given = busy(rig, {"concurrency": 1}, 2)
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
