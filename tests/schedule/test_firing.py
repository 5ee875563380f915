"""A tick is decided once: by one of several schedulers, after lost replies, outages and pauses."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.schedule.conftest import BEGIN, MINUTE, SECOND, App
from tests.support import wait_until
from workstreams.errors import PayloadError
from workstreams.schedule.control import pause_schedule, resume_schedule
from workstreams.schedule.orders import job_id_of
from workstreams.schedule.record import declare_schedules
from workstreams.store.keys import wake_channel
from workstreams.store.scripts import Scripts

#: Ticks of a minute after the clock's beginning, which is 20 s past one.
FIRST, SECOND_TICK, THIRD = "2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z", "2023-11-14T22:16:00Z"
TO_FIRST = 40 * SECOND


class Doubled(Scripts):
    """Sends every call that fires twice, as a client does whose first reply was lost."""

    def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
        first = super().run(operation, call, words)
        if operation == "fire":
            again = super().run(operation, call, words)
            assert again == first, "the second copy got another answer"
        return first


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


def test_of_several_schedulers_at_the_same_moment_one_fires_each_tick(app: App) -> None:
    app.declared(every="1s", overlap="allow", catch_up="all")
    config = app.config(every="1s", overlap="allow", catch_up="all")
    firings = [app.firing(config) for _ in range(4)]
    app.advance(120 * SECOND)
    barrier = threading.Barrier(len(firings))

    def settle(number: int) -> None:
        barrier.wait()
        firings[number].settle()

    threads = [threading.Thread(target=settle, args=(number,)) for number in range(len(firings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(app.jobs()) == len(app.fired()) == len(set(app.fired())) == 120
    assert len([event for event, _, _ in app.told if event == "fired"]) == 120


def test_a_call_whose_reply_was_lost_has_its_effect_once(app: App) -> None:
    app.declared(every="1s", overlap="allow", catch_up="all")
    firing = app.firing(app.config(every="1s", overlap="allow", catch_up="all"))
    firing._link._scripts = Doubled(app.client, app.keys)
    app.advance(3 * SECOND)
    firing.settle()
    assert len(app.jobs()) == len(app.fired()) == 3


def test_a_late_copy_of_a_call_finds_the_mark_moved(app: App) -> None:
    """The answer to a request is forgotten after a while; the mark is not."""
    firing = app.declared(overlap="allow")
    calls: list[tuple[Mapping[str, Any], Sequence[Any]]] = []

    class Recording(Scripts):
        def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
            calls.extend([(call, words)] * (operation == "fire"))
            return super().run(operation, call, words)

    firing._link._scripts = Recording(app.client, app.keys)
    app.advance(TO_FIRST)
    firing.settle()
    [(call, words)] = calls
    verdict, _, fired = app.link.scripts.run("fire", {**call, "request": "forgotten"}, words)
    assert (verdict, fired) == (b"moved", [])
    assert len(app.jobs()) == len(app.fired()) == 1


def test_a_tick_whose_schedule_was_deleted_by_hand_is_not_sent_twice(app: App) -> None:
    firing = app.declared()
    app.advance(TO_FIRST)
    firing.settle()
    app.client.hset(app.keys.root + "schedule:tick", "mark", BEGIN)
    app.client.delete(app.keys.root + "schedule:tick:jobs")
    firing.settle()
    assert len(app.jobs()) == len(app.fired()) == 1


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


def test_a_pause_that_comes_between_the_look_and_the_call_is_in_force(app: App) -> None:
    firing = app.declared()

    class Pausing(Scripts):
        def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
            if operation == "fire":
                pause_schedule(app.link, "tick")
            return super().run(operation, call, words)

    firing._link._scripts = Pausing(app.client, app.keys)
    app.advance(TO_FIRST)
    firing.settle()
    assert (app.fired(), app.jobs()) == ([], [])


def test_words_that_change_between_the_look_and_the_call_are_in_force(app: App) -> None:
    old = app.declared(every="1m")

    class Changing(Scripts):
        def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
            if operation == "fire":
                config = app.config(every="1h")
                declare_schedules(app.link, "1", config.schedules, {"tick": "mail"})
                # As if it had been declared before that tick.
                app.client.hset(app.keys.root + "schedule:tick", "mark", call["after"])
            return super().run(operation, call, words)

    old._link._scripts = Changing(app.client, app.keys)
    app.advance(TO_FIRST)
    old.settle()
    assert app.jobs() == []


def test_a_tick_that_is_not_due_is_never_sent(app: App) -> None:
    app.declared()
    calls = {
        "after": app.record.mark,
        "when": app.record.when,
        "skips": [],
        "overlap": "allow",
        "actor": "act",
    }
    calls |= {"request": "r", "epoch": "", "fresh": "e", "schedule": "tick", "workstream": "mail"}
    words = (BEGIN + 1, "text", "mail", "j1", "", 0, 1, "", "act", "{}", "{}")
    assert app.link.scripts.run("fire", calls, words)[0] == b"early"
    assert (app.jobs(), app.record.mark) == ([], str(BEGIN))


def test_a_worker_that_sleeps_is_told_of_the_job(app: App) -> None:
    firing = app.declared()
    app.client.zadd(app.keys.workstream("mail", "sleepers"), {"s1": 1})
    with app.client.pubsub(ignore_subscribe_messages=True) as ears:
        ears.subscribe(wake_channel(app.keys.root, "s1"))
        ears.get_message(timeout=5)
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


def test_settings_that_redis_lost_are_published_again(app: App) -> None:
    firing = app.declared()
    app.client.delete(app.keys.workstream("mail", "settings"))
    app.advance(TO_FIRST)
    firing.settle()
    assert app.fired() == [FIRST]


def test_a_schedule_that_redis_lost_begins_anew(app: App) -> None:
    firing = app.declared(catch_up="all")
    app.advance(TO_FIRST + MINUTE)
    app.client.delete(app.keys.root + "schedule:tick")
    assert firing.settle().complete
    assert app.fired() == []
    app.advance(MINUTE)
    firing.settle()
    assert app.fired() == [THIRD]


def test_a_changed_schedule_begins_at_the_change_and_the_old_scheduler_stands_down(app: App) -> None:
    old = app.declared(every="1m", overlap="allow")
    app.advance(TO_FIRST + MINUTE)
    new = app.declared(every="30s", overlap="allow")
    for _ in range(2):
        old.settle()
        new.settle()
    assert app.fired() == []
    assert [event for event, _, _ in app.told] == ["schedule_stands_down"]
    app.advance(30 * SECOND)
    old.settle()
    new.settle()
    assert app.fired() == ["2023-11-14T22:15:30Z"]


def test_a_schedule_that_is_enabled_again_makes_up_for_nothing(app: App) -> None:
    app.declared(enabled=True)
    app.declared(enabled=False)
    app.advance(TO_FIRST + MINUTE)
    app.declared(catch_up="all", enabled=True).settle()
    assert (app.fired(), app.skipped()) == ([], [])


def test_the_higher_versions_words_win_in_a_roll_out(app: App) -> None:
    def declare(version: str, every: str) -> str:
        config = app.config(version=version, every=every)
        return declare_schedules(app.link, version, config.schedules, {"tick": "mail"})["tick"]

    assert [declare("2.9", "1m"), declare("2.10", "2m"), declare("2.9", "1m")] == ["new", "changed", "older"]
    assert app.record.when == "every 2m"
    assert [declare("2.9", "2m"), declare("2.9", "1m")] == ["same", "older"]


def test_a_start_with_the_same_words_keeps_the_mark(app: App) -> None:
    app.declared()
    app.advance(TO_FIRST)
    app.declared().settle()
    assert app.fired() == [FIRST]


def test_arguments_that_cannot_travel_are_refused_before_the_first_tick(app: App) -> None:
    with pytest.raises(PayloadError):
        app.firing(app.config(kwargs={"x": float("nan")}))
