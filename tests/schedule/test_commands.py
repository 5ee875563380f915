"""``workstreams schedules`` and what ``check`` says of schedules."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq.broker
import pytest

from tests.schedule.conftest import App
from tests.schedule.projects import JOBS, Project
from workstreams.cli.main import main


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]

SCHEDULES = """\
  tick: {actor: act, workstream: mail, every: 1m}
  own: {actor: act, cron: "0 9 * */3 mon#1", timezone: Europe/Berlin, enabled: false}
"""


@pytest.fixture
def call(app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command in the folder of a project."""
    monkeypatch.chdir(app.folder)
    monkeypatch.delenv("WORKSTREAMS_CONFIG", raising=False)
    # What a command imports and declares is forgotten after the test.
    monkeypatch.setattr(dramatiq.broker, "global_broker", None)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = main(arguments)
        return Ended(code, *capsys.readouterr())

    yield run
    sys.modules.pop("tick_jobs", None)


def test_the_list_tells_what_fires_when(app: App, call: Call) -> None:
    Project(app, SCHEDULES)
    heading, tick, own = call("schedules", "list").out.splitlines()
    assert heading.split()[:3] == ["SCHEDULE", "WHEN", "ACTOR"]
    assert tick.split() == ["tick", "every", "1m", "act", "mail", "on", "-", "-", "2023-11-14T22:14:00Z"]
    assert own.split()[-4:] == ["off", "-", "-", "-"]


def test_json_has_stable_keys_and_the_next_five_fires(app: App, call: Call) -> None:
    Project(app, SCHEDULES)
    lines = call("schedules", "list", "--json").out.splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert list(found[0]) == list(found[1])
    assert len(found[0]["next"]) == 5
    assert (found[0]["schedule"], found[0]["enabled"], found[1]["enabled"]) == ("tick", True, False)


def test_run_prints_the_id_of_the_job_that_it_sent(app: App, call: Call) -> None:
    Project(app, SCHEDULES)
    ended = call("schedules", "run", "tick")
    assert ended.code == 0
    assert app.jobs() == [ended.out.strip()]


def test_run_finds_the_workstream_of_the_actor(app: App, call: Call) -> None:
    Project(app, SCHEDULES, JOBS)
    ended = call("schedules", "run", "own")
    assert (ended.code, ended.err) == (0, "")
    assert app.jobs() == [ended.out.splitlines()[-1]]


def test_pause_and_resume_say_what_they_changed(app: App, call: Call) -> None:
    Project(app, SCHEDULES)
    said = [call("schedules", verb, "tick").out.strip() for verb in ("pause", "pause", "resume", "resume")]
    assert said == ["tick is paused", "tick was paused already", "tick goes on", "tick was not paused"]
    assert "enabled: false" in call("schedules", "resume", "own").err


@pytest.mark.parametrize("verb", ["run", "pause", "resume"])
def test_an_unknown_schedule_is_told_with_the_nearest_one(app: App, call: Call, verb: str) -> None:
    Project(app, SCHEDULES)
    ended = call("schedules", verb, "tik")
    assert (ended.code, ended.out) == (2, "")
    assert 'NAME: expected a declared schedule, found "tik" (did you mean "tick"?)' in ended.err


def test_without_schedules_the_list_says_where_to_write_one(app: App, call: Call) -> None:
    Project(app, "  {}\n")
    ended = call("schedules", "list")
    assert (ended.code, ended.out) == (0, "")
    assert "schedules:" in ended.err


def test_a_scheduler_without_schedules_does_not_start(app: App, call: Call) -> None:
    Project(app, "  {}\n")
    ended = call("scheduler")
    assert ended.code == 2
    assert "expected at least one schedule" in ended.err


def test_check_tells_the_next_five_fires_of_each_schedule(app: App, call: Call) -> None:
    Project(app, SCHEDULES, JOBS)
    ended = call("check")
    assert (ended.code, ended.err) == (0, "")
    [tick] = [line for line in ended.out.splitlines() if line.startswith("tick ")]
    assert tick.count(":00Z") == 5
    assert "2 schedules" in ended.out


def test_check_tells_actors_that_nobody_declares(app: App, call: Call) -> None:
    Project(app, "  tick: {actor: att, workstream: mail, every: 1m}\n")
    ended = call("check")
    assert ended.code == 2
    assert 'schedules.tick.actor: expected a declared actor, found "att" (did you mean "act"?)' in ended.err
