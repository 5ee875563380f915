from __future__ import annotations

import json
import signal

import pytest

from tests.cli.conftest import Command, Project
from tests.store.servers import wait_until

JOBS = """\
from workstreams import actor

@actor(workstream="free")
def greet(to): ...
"""


@pytest.fixture
def runnable(embedded: Project) -> Project:
    """A project that can run, with a server of its own."""
    config = embedded.folder / "config/workstreams.yml"
    text = config.read_text() + "import: [jobs]\nworker: {processes: 1}\n"
    embedded.write("config/workstreams.yml", text)
    embedded.write("jobs.py", JOBS)
    return embedded


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("-q", "fere"), 'did you mean "free"'),
        (("--pool", "mian"), 'did you mean "main"'),
        (("--processes", "0"), "--processes"),
        (("--processes", "two"), "--processes"),
        (("--watch", "--until-empty"), "--until-empty"),
    ],
)
def test_a_slip_is_told_before_anything_starts(
    runnable: Project, call: Command, arguments: tuple[str, ...], part: str
) -> None:
    ended = call("worker", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert part in ended.err
    assert not (runnable.folder / ".workstreams").exists()


def test_up_runs_what_is_sent_and_ends_in_order(runnable: Project, call: Command) -> None:
    with runnable.running("up") as process:
        assert process.stdout is not None
        wait_until(lambda: call("status").code == 0)
        job = call("send", "free", "greet", "ann").out.strip()
        wait_until(lambda: call("job", "show", job, "--json").objects()[0]["state"] == "done", 20)
        assert call("workers", "--json").objects()[0]["workstreams"] == ["free", "mail"]
        process.send_signal(signal.SIGINT)
        out = process.stdout.read().decode()
        assert process.wait(20) == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert "finished" in events
    assert call("status").code == 3


def test_a_worker_until_empty_ends_by_itself(runnable: Project) -> None:
    ended = runnable.run("worker", "--until-empty", "-q", "free", "--processes", "1")
    assert ended.code == 0


def test_the_demo_has_a_config_of_its_own(call: Command) -> None:
    ended = call("up", "--demo", "--config", "mine")
    assert (ended.code, ended.out) == (2, "")
    assert "--demo" in ended.err
    ended = call("up", "--demo", "--watch")
    assert (ended.code, ended.out) == (2, "")
    assert "--watch" in ended.err
