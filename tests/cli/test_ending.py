from __future__ import annotations

import pytest

from tests.cli.conftest import Command, Project

JOBS = """\
from workstreams import actor

@actor(workstream="free", store_results=True)
def double(n):
    return {"twice": 2 * n}

@actor(workstream="free", retries=0)
def fail():
    raise ValueError("never")
"""


def test_a_send_that_waits_prints_the_end_and_the_result(project: Project, call: Command) -> None:
    project.write("prompt_jobs.py", JOBS)
    config = project.folder / "config" / "workstreams.yml"
    config.write_text("import: [prompt_jobs]\nworker: {processes: 1}\n" + config.read_text())
    with project.running("worker"):
        ended = call("send", "free", "double", "21", "--wait", "--timeout", "30s")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines()[1] == 'done: {"twice":42}'
        failed = call("send", "free", "fail", "--wait", "--timeout", "30s")
    assert failed.code == 1
    assert failed.out.splitlines()[1] == "dead: ValueError: never"


@pytest.mark.usefixtures("project")
def test_when_the_time_is_over_it_ends_with_1_and_the_job_goes_on(call: Command) -> None:
    ended = call("send", "free", "double", "1", "--wait", "--timeout", "10ms")
    assert ended.code == 1
    assert "found it waiting" in ended.err
    assert call("job", "show", ended.out.strip(), "--json").objects()[0]["state"] == "waiting"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments", [["--timeout", "10s"], ["--wait", "--timeout", "10"], ["--wait", "--jsonl", "-"]]
)
def test_a_wait_that_makes_no_sense_is_refused_before_anything_is_sent(
    call: Command, arguments: list[str]
) -> None:
    ended = call("send", "free", "double", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert call("jobs", "--json").out == ""
