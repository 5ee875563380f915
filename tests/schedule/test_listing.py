from __future__ import annotations

from tests.schedule.conftest import BEGIN, SECOND, App
from workstreams.schedule.control import pause_schedule, run_schedule
from workstreams.schedule.listing import read_schedules


def test_a_schedule_that_never_fired_tells_what_comes(app: App) -> None:
    [state] = read_schedules(app.link, app.config())
    assert (state.name, state.when, state.actor, state.workstream) == ("tick", "every 1m", "act", "mail")
    assert (state.last_tick, state.last_fired, state.last_job, state.state) == (None, None, "", "on")
    assert state.next_ticks[:2] == (BEGIN + 40 * SECOND, BEGIN + 100 * SECOND)
    assert state.record()["next"][0] == "2023-11-14T22:14:00Z"


def test_the_last_tick_its_job_and_the_jobs_state_are_told(app: App) -> None:
    firing = app.declared()
    app.advance(41 * SECOND)
    firing.settle()
    [state] = read_schedules(app.link, app.config())
    assert (state.last_tick, state.last_fired) == (BEGIN + 40 * SECOND, BEGIN + 41 * SECOND)
    assert (state.last_job, state.last_job_state) == (app.jobs()[0], "waiting")
    run_schedule(app.link, app.config(), "tick", "mail")
    [state] = read_schedules(app.link, app.config())
    assert state.last_tick == BEGIN + 40 * SECOND
    assert state.last_job != app.jobs()[0]


def test_nothing_comes_while_a_schedule_rests(app: App) -> None:
    [off] = read_schedules(app.link, app.config(enabled=False))
    assert (off.state, off.next_ticks) == ("off", ())
    pause_schedule(app.link, "tick")
    [paused] = read_schedules(app.link, app.config())
    assert (paused.state, paused.next_ticks) == ("paused", ())


def test_the_workstream_of_the_actor_is_known_once_a_scheduler_told_it(app: App) -> None:
    config = app.config(workstream=None)
    assert read_schedules(app.link, config)[0].workstream == ""
    app.declared()
    assert read_schedules(app.link, config)[0].workstream == "mail"
