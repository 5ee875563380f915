"""A tick is decided once: by one of several schedulers, after lost replies, by the words in force."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tests.schedule.conftest import BEGIN, SECOND, App
from tests.schedule.ticks import TO_FIRST
from workstreams.schedule.control import pause_schedule
from workstreams.schedule.record import declare_schedules
from workstreams.store.scripts import Scripts


class Doubled(Scripts):
    """Sends every call that fires twice, as a client does whose first reply was lost."""

    def run(self, operation: str, call: Mapping[str, Any], words: Sequence[Any] = ()) -> Any:
        first = super().run(operation, call, words)
        if operation == "fire":
            again = super().run(operation, call, words)
            assert again == first, "the second copy got another answer"
        return first


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
