from __future__ import annotations

import pytest

from tests.schedule.conftest import MINUTE, SECOND, App
from workstreams.errors import WorkstreamFull
from workstreams.schedule.control import pause_schedule, run_schedule


def test_a_run_by_hand_sends_a_job_and_leaves_the_ticks_alone(app: App) -> None:
    firing = app.declared(overlap="allow", args=[7])
    mark = app.record.mark
    job = run_schedule(app.link, app.config(args=[7]), "tick", "mail")
    assert app.jobs() == [job]
    assert app.events("fired") == [{"schedule": "tick", "by": "run"}]
    assert app.record.mark == mark
    app.advance(40 * SECOND)
    firing.settle()
    assert len(app.jobs()) == 2


def test_a_run_by_hand_works_while_the_schedule_is_paused_and_before_any_scheduler_started(app: App) -> None:
    pause_schedule(app.link, "tick")
    run_schedule(app.link, app.config(), "tick", "mail")
    run_schedule(app.link, app.config(), "tick", "mail")
    assert len(app.jobs()) == 2


def test_a_job_that_was_run_by_hand_and_has_not_ended_overlaps_the_next_tick(app: App) -> None:
    firing = app.declared(overlap="skip")
    run_schedule(app.link, app.config(), "tick", "mail")
    app.advance(MINUTE)
    firing.settle()
    assert [reason for reason, _, _ in app.skipped()] == ["overlap"]


def test_a_full_workstream_is_told(app: App) -> None:
    config = app.config({"max_waiting": 1})
    run_schedule(app.link, config, "tick", "mail")
    with pytest.raises(WorkstreamFull):
        run_schedule(app.link, config, "tick", "mail")


def test_a_request_that_was_sent_twice_runs_once(app: App) -> None:
    app.declared()
    words = ("mail", "j1", "", 0, 1, "", "act", "{}", "{}")
    call = {"request": "r", "epoch": "", "fresh": "e", "schedule": "tick"}
    for _ in range(2):
        assert app.link.scripts.run("schedule_run", call, words) == [b"ok"]
        app.client.delete(app.keys.workstream("mail", "job", "j1"))
    assert len(app.events("fired")) == 1
