"""A tick that is due sends a job, and what an outage, a pause or an earlier job does to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schedule.conftest import BEGIN, MINUTE, SECOND, App
from tests.schedule.ticks import FIRST, SECOND_TICK, THIRD, TO_FIRST
from tests.support import listening, wait_until
from workstreams.schedule.control import pause_schedule, resume_schedule
from workstreams.schedule.orders import job_id_of
from workstreams.store.keys import wake_channel


def test_a_tick_that_is_due_sends_one_job_with_an_event(app: App) -> None:
    firing = app.declared(every="1m", args=[7])
    app.advance(TO_FIRST)
    assert firing.settle().complete
    [job] = app.jobs()
    assert job == job_id_of(app.name, "tick", BEGIN + TO_FIRST)
    assert (app.job(job)["state"], app.job(job)["actor"]) == ("waiting", "act")
    assert app.events("fired") == [{"schedule": "tick", "tick": FIRST, "late_ms": 0}]
    assert [(event, fields["tick"]) for event, _, fields in app.told] == [("fired", FIRST)]


def test_a_tick_that_is_decided_is_not_looked_at_again(app: App) -> None:
    firing = app.declared(overlap="allow")
    app.advance(TO_FIRST)
    for _ in range(3):
        firing.settle()
        app.advance(SECOND)
    assert app.fired() == [FIRST]


def test_nothing_fires_before_its_time(app: App) -> None:
    firing = app.declared()
    app.advance(TO_FIRST - 1)
    firing.settle()
    assert app.jobs() == []


def test_a_first_start_fires_nothing_of_the_past(app: App) -> None:
    app.declared(catch_up="all", catch_up_window="7d").settle()
    assert (app.jobs(), app.skipped()) == ([], [])


def test_many_missed_ticks_are_sent_in_order(app: App) -> None:
    firing = app.declared(every="1s", overlap="allow", catch_up="all")
    app.advance(130 * SECOND)
    firing.settle()
    assert len(app.fired()) == 130
    assert app.fired() == sorted(app.fired())
    assert app.record.mark == str(BEGIN + 130 * SECOND)


@pytest.mark.parametrize(
    ("catch_up", "fired", "skipped"),
    [
        ("skip", [], [("missed", THIRD, 3)]),
        ("latest", [THIRD], [("superseded", SECOND_TICK, 2)]),
        ("all", [FIRST, SECOND_TICK, THIRD], []),
    ],
)
def test_after_an_outage_the_policy_decides_and_says_what_it_skipped(
    app: App, catch_up: str, fired: list[str], skipped: list[Any]
) -> None:
    firing = app.declared(catch_up=catch_up, overlap="allow")
    app.advance(TO_FIRST + 2 * MINUTE + 30 * SECOND)
    firing.settle()
    assert (app.fired(), app.skipped()) == (fired, skipped)
    app.advance(30 * SECOND)
    firing.settle()
    assert app.fired() == [*fired, "2023-11-14T22:17:00Z"]


def test_a_tick_is_skipped_while_the_job_of_an_earlier_one_has_not_ended(app: App) -> None:
    firing = app.declared(overlap="skip")
    app.advance(TO_FIRST)
    firing.settle()
    for state in ("scheduled", "running"):
        app.end_jobs(state)
        app.advance(MINUTE)
        firing.settle()
    assert app.fired() == [FIRST]
    assert app.skipped() == [("overlap", SECOND_TICK, 1), ("overlap", THIRD, 1)]
    app.end_jobs("dead")
    app.advance(MINUTE)
    firing.settle()
    assert app.fired() == [FIRST, "2023-11-14T22:17:00Z"]


def test_a_job_whose_record_is_gone_has_ended(app: App) -> None:
    firing = app.declared(overlap="skip")
    app.advance(TO_FIRST)
    firing.settle()
    app.client.delete(app.keys.workstream("mail", "job", app.jobs()[0]))
    app.advance(MINUTE)
    firing.settle()
    assert app.fired() == [FIRST, SECOND_TICK]


def test_overlapping_jobs_are_sent_where_they_are_allowed(app: App) -> None:
    firing = app.declared(overlap="allow")
    for wait in (TO_FIRST, MINUTE):
        app.advance(wait)
        firing.settle()
    assert (app.fired(), app.skipped()) == ([FIRST, SECOND_TICK], [])


def test_a_paused_schedule_fires_nothing_and_tells_after_the_resume_what_it_skipped(app: App) -> None:
    firing = app.declared(catch_up="all", overlap="allow")
    assert pause_schedule(app.link, "tick")
    assert not pause_schedule(app.link, "tick")
    app.advance(TO_FIRST + MINUTE)
    assert firing.settle().complete
    assert (app.fired(), app.skipped()) == ([], [])
    assert resume_schedule(app.link, "tick")
    assert not resume_schedule(app.link, "tick")
    firing.settle()
    assert (app.fired(), app.skipped()) == ([], [("paused", SECOND_TICK, 2)])
    app.advance(MINUTE)
    firing.settle()
    assert app.fired() == [THIRD]


def test_a_worker_that_sleeps_is_told_of_the_job(app: App) -> None:
    firing = app.declared()
    app.client.zadd(app.keys.workstream("mail", "sleepers"), {"s1": 1})
    with listening(app.client, wake_channel(app.keys.root, "s1")) as ears:
        app.advance(TO_FIRST)
        firing.settle()
        message = wait_until(lambda: ears.get_message(timeout=1))
    assert message["data"] == b"mail now"


def test_jitter_holds_the_job_back_and_not_the_tick(app: App) -> None:
    firing = app.declared(jitter="10m")
    app.advance(TO_FIRST)
    firing.settle()
    job = app.job(app.jobs()[0])
    assert job["state"] == "scheduled"
    assert BEGIN + TO_FIRST < int(job["due"]) < BEGIN + TO_FIRST + 10 * MINUTE


def test_a_tick_for_a_full_workstream_is_undecided_until_there_is_room(app: App) -> None:
    firing = app.declared(mail={"max_waiting": 1}, overlap="allow")
    app.advance(TO_FIRST)
    firing.settle()
    app.advance(MINUTE)
    assert not firing.settle().complete
    assert not firing.settle().complete
    assert [event for event, _, _ in app.told] == ["fired", "tick_held"]
    app.client.set(app.keys.workstream("mail", "waiting"), 0)
    assert firing.settle().complete
    assert app.fired() == [FIRST, SECOND_TICK]
