from __future__ import annotations

import json
import time

import pytest

from tests.cli.conftest import Command, Project
from workstreams.store.keys import Keys
from workstreams.store.link import Link


@pytest.mark.usefixtures("project")
def test_jobs_are_listed_newest_first_with_their_state_and_reason(call: Command) -> None:
    first = call("send", "mail", "greet", "ann", "--key", "acme").out.strip()
    second = call("send", "free", "greet", "bob", "--delay", "1h").out.strip()
    ended = call("jobs")
    assert (ended.code, ended.err) == (0, "")
    heading, *rows = ended.out.splitlines()
    assert heading.split()[:4] == ["JOB", "STREAM", "ACTOR", "STATE"]
    assert [row.split()[0] for row in rows] == [second, first]
    assert "no worker" in rows[1]
    assert "acme" in rows[1]
    assert [record["job"] for record in call("jobs", "mail", "--json").objects()] == [first]


@pytest.mark.usefixtures("project")
def test_jobs_are_filtered_by_state_actor_key_and_age(call: Command) -> None:
    ann = call("send", "mail", "greet", "ann", "--key", "a").out.strip()
    bob = call("send", "mail", "bill", "bob", "--key", "b").out.strip()
    later = call("send", "mail", "bill", "--delay", "1h").out.strip()

    def ids(*arguments: str) -> set[str]:
        return {record["job"] for record in call("jobs", "--json", *arguments).objects()}

    assert ids("--state", "waiting") == {ann, bob}
    assert ids("--state", "scheduled") == {later}
    assert ids("--actor", "bill") == {bob, later}
    assert ids("--key", "a") == {ann}
    assert ids("--since", "1h") == {ann, bob, later}
    time.sleep(0.02)  # longer ago than the 10 ms that are asked for
    assert ids("--since", "10ms") == set()
    assert len(ids("--limit", "2")) == 2


@pytest.mark.usefixtures("project")
def test_when_there_are_none_it_says_so_on_stderr(call: Command) -> None:
    ended = call("jobs", "mail")
    assert (ended.code, ended.out) == (0, "")
    assert "no such job" in ended.err
    assert call("jobs", "mail", "--json").out == ""


@pytest.mark.usefixtures("project")
def test_secrets_of_a_payload_are_not_listed(call: Command) -> None:
    call("send", "mail", "greet", "--kwargs", json.dumps({"password": "hunter2"}))
    ended = call("jobs", "--json")
    assert "hunter2" not in ended.out
    assert "[redacted]" in ended.out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--state", "wating"], 'did you mean "waiting"'),
        (["--since", "yesterday"], "--since"),
        (["--limit", "0"], "--limit"),
        (["male"], 'did you mean "mail"'),
    ],
)
def test_wrong_filters_are_told(call: Command, arguments: list[str], said: str) -> None:
    ended = call("jobs", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.usefixtures("project")
def test_a_job_is_cancelled_and_retried_by_its_id(call: Command) -> None:
    job = call("send", "mail", "greet").out.strip()
    assert call("job", "cancel", job).out == f"{job} is cancelled\n"
    assert call("job", "cancel", job).code == 0
    [record] = call("job", "show", job, "--json").objects()
    assert (record["state"], [line["event"] for line in record["log"]]) == (
        "cancelled",
        ["sent", "cancelled"],
    )
    assert call("job", "retry", job).out == f"{job} waits (it was cancelled)\n"
    ended = call("job", "retry", job)
    assert (ended.code, ended.out) == (1, "")
    assert "found it waiting" in ended.err


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_a_job_that_is_not_kept_ends_with_1(call: Command, command: str) -> None:
    ended = call("job", command, "none")
    assert (ended.code, ended.out) == (1, "")
    assert "expected the id of a job that is kept" in ended.err


def test_of_its_progress_a_job_shows_the_last_line_only(project: Project, server: str, call: Command) -> None:
    job = call("send", "mail", "greet").out.strip()
    link = Link(lambda: server, Keys(project.app))
    client, keys = link.scripts.client, link.keys
    client.hset(keys.workstream("mail", "job", job), "started", 1)
    for fraction in (0.25, 0.5):
        line = {
            "ts": "2030-01-31T12:00:00Z",
            "level": "info",
            "event": "progress",
            "fraction": fraction,
            "step": "x",
        }
        entry = client.xadd(keys.workstream("mail", "log"), {"o": json.dumps(line), "j": job})
        client.rpush(keys.workstream("mail", "lines", job), entry)
    shown = call("job", "show", job)
    assert "progress    50%, x (at 2030-01-31T12:00:00Z)" in shown.out
    assert "fraction=0.25" not in shown.out
    [record] = call("job", "show", job, "--json").objects()
    assert record["progress"] == {"fraction": 0.5, "step": "x", "at": "2030-01-31T12:00:00Z"}
    assert [line["event"] for line in record["log"]].count("progress") == 2
