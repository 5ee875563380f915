"""Schedules are read and checked, each mistake at its line."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused

pytestmark = pytest.mark.usefixtures("everything_held")


def test_a_schedule_has_the_documented_defaults(build: Build) -> None:
    tick = build(schedules={"tick": {"actor": "a", "every": "30s"}}).schedules["tick"]
    assert (tick.every, tick.cron, tick.workstream, tick.timezone) == (30_000_000, None, None, "UTC")
    assert (tick.args, tick.kwargs, tick.catch_up, tick.overlap) == ([], {}, "latest", "skip")
    assert (tick.catch_up_window, tick.jitter, tick.enabled) == (6 * 3_600 * 1_000_000, 0, True)


def test_everything_of_a_schedule_is_read(load: Build) -> None:
    report = load(
        """
        workstreams: {reports: 1}
        schedules:
          nightly-report:
            actor: build_report
            workstream: reports
            cron: "0 3 * * mon-fri"
            timezone: Europe/Berlin
            args: [1, {a: [null, true]}, "${X}"]
            kwargs:
              n: ${N}
            catch_up: all
            catch_up_window: 6h
            overlap: queue
            jitter: 30s
            enabled: false
        """,
        {"X": "5", "N": "5"},
    ).schedules["nightly-report"]
    assert report.args == [1, {"a": [None, True]}, "5"]
    assert report.kwargs == {"n": 5}
    assert (report.cron, report.timezone, report.enabled) == ("0 3 * * mon-fri", "Europe/Berlin", False)


@pytest.mark.parametrize("when", ["", "cron: '@daily', every: 1s"])
def test_anything_but_one_of_cron_and_every_is_refused(refused: Refused, when: str) -> None:
    [problem] = refused(f"schedules: {{tick: {{actor: a, {when}}}}}")
    assert (problem.path, problem.expected) == ("schedules.tick", "exactly one of cron and every")


@pytest.mark.parametrize(
    ("line", "key", "hint"),
    [
        ("timezone: Europe/Berln", "timezone", 'did you mean "Europe/Berlin"?'),
        ("timezone: ../etc/passwd", "timezone", ""),
        ("timezone: Europe", "timezone", None),
        ('timezone: "a\\0b"', "timezone", None),
        ("timezone: 5", "timezone", ""),
        ("cron: 0 3 * *", "cron", ""),
        ("cron: '@never'", "cron", ""),
        ("cron: 61 * * * *", "cron", '"61" is none'),
        ("cron: '* * *'", "cron", ""),
        ("cron: 0 0 31 2 *", "cron", ""),
        ("cron: 0 9 * * monday", "cron", 'did you mean "mon"?'),
        ("cron: 5", "cron", ""),
        ("every: 999ms", "every", ""),
        ("every: 0s", "every", ""),
        ("every: 30", "every", None),
        ("args: 5", "args", ""),
        ("overlap: skp", "overlap", 'did you mean "skip"?'),
        ("workstream: mial", "workstream", 'did you mean "mail"?'),
    ],
)
def test_a_wrong_value_of_a_schedule_is_refused(
    refused: Refused, line: str, key: str, hint: str | None
) -> None:
    problems = refused(f"workstreams: {{mail: 1}}\nschedules:\n  tick:\n    actor: a\n    {line}\n")
    [problem] = [problem for problem in problems if problem.path == f"schedules.tick.{key}"]
    assert problem.line == 5
    assert hint is None or problem.hint == hint
