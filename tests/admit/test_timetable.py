from __future__ import annotations

import math

from tests.admit.test_lane import queue_of
from workstreams.admit.lane import Lane
from workstreams.admit.timetable import Timetable


def lanes_of(*names: str) -> dict[str, Lane]:
    return {name: Lane(name, 2, False, None, queue_of()) for name in names}


def test_what_is_due_has_an_idle_thread_and_a_time_that_has_come() -> None:
    lanes = lanes_of("busy", "later", "now")
    lanes["busy"].busy = 2
    lanes["later"].ask_at = 11.0
    timetable = Timetable(lanes)
    assert timetable.due(10.0) == [lanes["now"]]
    assert timetable.due(11.0) == [lanes["later"], lanes["now"]]


def test_a_wake_up_makes_a_time_sooner_and_never_later() -> None:
    lanes = lanes_of("mail", "text")
    timetable = Timetable(lanes)
    timetable.answered(timetable.ask(lanes.values()))
    timetable.wake("mail", 5.0)
    timetable.wake("*", 7.0)
    timetable.wake("none", 0.0)
    assert [lane.ask_at for lane in lanes.values()] == [5.0, 7.0]
    assert timetable.next() == 5.0


def test_what_was_asked_for_is_not_due_until_it_is_answered_or_the_call_got_lost() -> None:
    lanes = lanes_of("mail")
    timetable = Timetable(lanes)
    wants = timetable.ask(lanes.values())
    assert wants == [(lanes["mail"], 2)]
    assert timetable.next() == math.inf
    timetable.answered(wants)
    timetable.note([[b"mail", b"rate", 2_000_000]], 10.0)
    assert timetable.next() == 12.0
    timetable.unanswered(wants)
    assert timetable.due(0.0) == [lanes["mail"]]


def test_a_lane_without_an_idle_thread_has_no_time() -> None:
    lanes = lanes_of("mail")
    lanes["mail"].busy = 2
    assert Timetable(lanes).next() == math.inf


def test_a_finish_frees_the_slot_that_its_lane_was_refused_for() -> None:
    lanes = lanes_of("slots", "keys", "rates", "full")
    lanes["slots"].why = lanes["full"].why = "concurrency"
    lanes["keys"].why = "key"
    lanes["full"].busy = 2
    finishes = [{"w": name} for name in lanes]
    timetable = Timetable(lanes)
    assert set(timetable.freed(finishes, [])) == {lanes["slots"], lanes["keys"]}
    assert timetable.freed(finishes, [lanes["slots"]]) == [lanes["keys"]]


def test_once_it_is_over_nothing_is_asked_for_and_answers_are_still_noted() -> None:
    lanes = lanes_of("mail")
    lanes["mail"].why = "concurrency"
    timetable = Timetable(lanes)
    timetable.end()
    timetable.wake("*", 0.0)
    assert timetable.due(1000.0) == timetable.freed([{"w": "mail"}], []) == []
    assert timetable.next() == math.inf
    timetable.note([[b"mail", b"empty", -1]], 10.0)
    assert lanes["mail"].why == "empty"
