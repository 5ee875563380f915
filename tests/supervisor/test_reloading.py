"""``--watch``: what is saved is what runs next, and nothing is lost, run twice or broken by it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.promises.fleet import JOBS, Fleet, Supervisor, fleet
from tests.support import wait_until

CODE = """
@actor(workstream="work")
def say():
    note("{word}", current_job().id, 0, os.getpid(), 0)

@actor(workstream="work")
def nap():
    run(0.02)

@actor(workstream="work")
def hold():
    job = current_job()
    note("start", job.id, job.delivery, os.getpid(), 0)
    while not os.path.exists(os.environ["JOURNAL"] + ".go"):
        time.sleep(0.01)  # the work, which lasts as long as the test wants
    note("end", job.id, job.delivery, os.getpid(), 0)
"""

WORK = "  work: {threads: 2}\n"


class Project:
    """A project whose workers watch its files."""

    def __init__(self, fleet: Fleet, supervisor: Supervisor) -> None:
        self.fleet, self.supervisor = fleet, supervisor
        self.config = fleet.folder / "config" / "workstreams.yml"

    def code(self, word: str, more: str = "") -> None:
        """Save the jobs in another version."""
        (self.fleet.folder / "fleet_jobs.py").write_text(JOBS + CODE.format(word=word) + more)

    def wait_for(self, event: str, number: int = 1) -> list[dict[str, str]]:
        """Wait until an event was told so many times."""

        def enough() -> list[dict[str, str]]:
            assert self.supervisor.process.poll() is None, self.supervisor.output.read_text()
            found = self.supervisor.events(event)
            return found if len(found) >= number else []

        return wait_until(enough, 30)

    def says(self, word: str) -> None:
        """Send a job and see which code runs it."""
        [job] = self.fleet.send("work", "say", 1)
        wait_until(lambda: [line for line in self.words() if line[1] == job], 20)
        assert [line[0] for line in self.words() if line[1] == job] == [word]

    def words(self) -> list[list[str]]:
        """The journal."""
        return [line.split() for line in self.fleet.journal.read_text().splitlines()]

    def hold(self) -> str:
        """Send a job that runs until it is let go, and wait until it runs."""
        before = len(self.fleet.noted("start"))
        [job] = self.fleet.send("work", "hold", 1)
        wait_until(lambda: len(self.fleet.noted("start")) > before, 20)
        return job

    def let_go(self) -> None:
        """Let such jobs end."""
        Path(f"{self.fleet.journal}.go").touch()


Watching = Callable[..., contextlib.AbstractContextManager[Project]]


@pytest.fixture
def watching(tmp_path: Path, app_name: str, server_url: str) -> Watching:
    """Run workers that watch."""

    @contextlib.contextmanager
    def begin(*, first: str = CODE.format(word="one"), works: bool = True) -> Iterator[Project]:
        with fleet(tmp_path, app_name, server_url, WORK, first, "{processes: 1}") as project:
            supervisor = project.start("--watch")
            if works:
                supervisor.wait_for_workers(1)
            assert project.broker.config, "read while it can be"
            yield Project(project, supervisor)

    return begin


def test_what_is_saved_is_what_the_next_job_runs(watching: Watching) -> None:
    with watching() as project:
        project.says("one")
        project.code("two")
        [told] = project.wait_for("reloaded")
        assert told["files"] == "fleet_jobs.py"
        project.says("two")
        project.wait_for("worker_stopped")
        assert project.supervisor.stop() == 0


def test_a_job_that_runs_at_the_change_ends_once_beside_the_new_code(watching: Watching) -> None:
    with watching() as project:
        job = project.hold()
        project.code("two")
        project.wait_for("reloaded")
        project.says("two")
        assert project.fleet.noted("end") == [], "the new code did not wait for it"
        project.let_go()
        project.wait_for("worker_stopped")
        assert project.fleet.runs()[job] == 1
        assert [line.job for line in project.fleet.noted("end")] == [job]


def test_change_upon_change_loses_no_job_and_runs_none_twice(watching: Watching) -> None:
    with watching() as project:
        jobs = project.fleet.send("work", "nap", 200)
        for number in range(1, 4):
            wait_until(lambda number=number: len(project.fleet.noted("start")) > 20 * number, 20)
            project.code(f"version{number}")
            project.wait_for("reloaded", number)
        project.fleet.wait_for_ends(jobs)
        assert set(project.fleet.runs().values()) == {1}


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("def broken(:\n", "fleet_jobs.py:"),
        ("@actor(workstream='wrok')\ndef lost(): ...\n", 'did you mean "work"?'),
    ],
    ids=["syntax", "workstream"],
)
def test_a_mistake_in_the_code_is_told_once_and_the_old_code_serves_on(
    watching: Watching, mistake: str, told: str
) -> None:
    with watching() as project:
        job = project.hold()
        project.code("broken", mistake)
        [failed] = project.wait_for("reload_failed")
        assert told in failed["why"]
        assert "\n" not in failed["why"]
        assert "as they were" in failed["hint"]
        project.says("one")
        project.code("two")
        project.wait_for("reloaded")
        project.says("two")
        project.let_go()
        project.fleet.wait_for_ends([job])
        assert len(project.supervisor.events("reload_failed")) == 1, "nothing was tried in a loop"
        assert "Traceback" not in project.supervisor.output.read_text()


def test_a_mistake_in_the_config_is_told_with_its_line_and_the_workers_serve_on(watching: Watching) -> None:
    with watching() as project:
        good = project.config.read_text()
        project.config.write_text(good.replace("threads", "treads"))
        [failed] = project.wait_for("reload_failed")
        assert "workstreams.yml:6" in failed["why"]
        assert 'did you mean "threads"?' in failed["why"]
        project.says("one")
        project.config.unlink()
        project.wait_for("reload_failed", 2)
        project.says("one")
        project.config.write_text(good)
        project.wait_for("reloaded")
        project.says("one")


def test_a_mistake_at_the_start_waits_for_the_change_that_mends_it(watching: Watching) -> None:
    with watching(first="def broken(:\n", works=False) as project:
        [failed] = project.wait_for("start_failed")
        assert "fleet_jobs.py" in failed["why"]
        project.code("two")
        project.wait_for("worker_started")
        project.says("two")


def test_a_changed_config_is_in_force(watching: Watching) -> None:
    with watching() as project:
        project.config.write_text(project.config.read_text() + "  other: {concurrency: 3}\n")
        project.wait_for("reloaded")
        project.code("two", "\n@actor(workstream='other')\ndef more(): note('more', 0, 0, 0, 0)\n")
        project.wait_for("reloaded", 2)
        limits = project.fleet.broker.link.keys.limit("other", "settings")
        assert project.fleet.broker.link.scripts.client.hget(limits, "concurrency") == b"3"


def test_the_end_waits_for_what_old_code_still_runs(watching: Watching) -> None:
    with watching() as project:
        old = project.hold()
        project.code("two")
        project.wait_for("reloaded")
        new = project.hold()
        project.supervisor.process.send_signal(signal.SIGINT)
        project.let_go()
        assert project.supervisor.process.wait(20) == 0
        assert project.fleet.runs() == {old: 1, new: 1}
        assert {line.job for line in project.fleet.noted("end")} == {old, new}


def test_a_second_signal_ends_old_and_new_code_at_once(watching: Watching) -> None:
    with watching() as project:
        project.hold()
        project.code("two")
        project.wait_for("reloaded")
        project.hold()
        project.supervisor.process.send_signal(signal.SIGINT)
        project.supervisor.process.send_signal(signal.SIGTERM)
        assert project.supervisor.process.wait(20) == 1
        assert project.fleet.noted("end") == []


def test_the_environment_may_ask_for_it_too(tmp_path: Path, app_name: str, server_url: str) -> None:
    code = CODE.format(word="one")
    with fleet(tmp_path, app_name, server_url, WORK, code, "{processes: 1}") as project:
        project.environ["WORKSTREAMS_WORKER_WATCH"] = "1"
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        assert supervisor.events("watching")[0]["folders"] == "."
