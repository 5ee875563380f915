"""I5, one job per tick: with several schedulers as whole processes, one of which is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from tests.schedule.conftest import App
from tests.schedule.projects import Project
from tests.support import wait_until

EVERY_SECOND = "  tick: {actor: act, every: 1s, overlap: allow, catch_up: all}\n"

Make = Callable[..., Project]


@pytest.fixture
def make(app: App) -> Iterator[Make]:
    """Make a project; its processes are gone in the end. The app's clock runs."""
    app.client.delete(app.keys.clock)
    made: list[Project] = []

    def project(schedules: str, **more: str) -> Project:
        made.append(Project(app, schedules, **more))
        return made[-1]

    yield project
    for one in made:
        one.close()


def test_two_schedulers_send_one_job_per_tick_while_one_is_killed_and_replaced(app: App, make: Make) -> None:
    project = make(EVERY_SECOND)
    killed, other = project.schedulers(2)
    wait_until(app.fired)
    killed.kill()
    killed.wait()
    [third] = project.schedulers(1)
    seen = len(app.fired())
    wait_until(lambda: len(app.fired()) >= seen + 2)
    for process in (other, third):
        process.terminate()
    assert [other.wait(20), third.wait(20)] == [0, 0]
    seconds = [int(one[17:19]) for one in app.fired()]
    gaps = [(after - before) % 60 for before, after in pairwise(seconds)]
    assert gaps == [1] * (len(seconds) - 1)
    assert len(app.jobs()) == len(app.fired())


def test_a_second_scheduler_uses_the_embedded_server_of_the_first(app: App, make: Make) -> None:
    # The actor's own workstream is meant, so that its module is asked for it.
    project = make("  tick: {actor: act, every: 1s, overlap: allow}\n", redis="embedded")
    [first] = project.schedulers(1)
    [second] = project.schedulers(1)
    fired = b'"event":"fired","app":"%s","workstream":"mail"' % app.name.encode()
    wait_until(lambda: fired in project.output(0).read_bytes() + project.output(1).read_bytes(), 30)
    for process in (second, first):
        process.terminate()
        assert process.wait(20) == 0


def test_a_schedule_that_is_saved_while_up_watches_takes_the_place_of_the_one_before(
    app: App, make: Make
) -> None:
    project = make("  tick: {actor: act, every: 1h}\n")
    up = project.start("up", "--watch")
    wait_until(lambda: "worker_started" in project.output(0).read_text(), 30)
    (project.folder / "config" / "schedules.yml").write_text(f"schedules:\n{EVERY_SECOND}")
    wait_until(lambda: len(app.fired()) >= 3, 30)
    up.terminate()
    assert up.wait(20) == 0
    seconds = [int(one[17:19]) for one in app.fired()]
    assert [(after - before) % 60 for before, after in pairwise(seconds)] == [1] * (len(seconds) - 1)
    assert project.output(0).read_text().count('"event":"fired"') <= len(app.fired()), "none is told twice"


def test_a_schedule_whose_actor_nobody_declares_stops_the_start(app: App, make: Make) -> None:
    project = make("  tick: {actor: att, every: 1s}\n")
    assert project.start("scheduler").wait(30) == 2
    assert 'did you mean "act"?' in project.output(0).read_text()
