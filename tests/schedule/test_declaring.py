"""What a schedule says is declared by every scheduler: what is new, changed, lost or older."""

from __future__ import annotations

import pytest

from tests.schedule.conftest import MINUTE, SECOND, App
from tests.schedule.ticks import FIRST, THIRD, TO_FIRST
from workstreams.errors import PayloadError
from workstreams.schedule.record import declare_schedules


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
