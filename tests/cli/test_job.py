from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.mark.usefixtures("project")
def test_a_job_is_shown_with_its_state_reason_payload_and_log(call: Command) -> None:
    job = call("send", "mail", "greet", "ann", "--kwargs", '{"n": 1}', "--key", "acme").out.strip()
    ended = call("job", "show", job)
    assert (ended.code, ended.err) == (0, "")
    head, log = ended.out.split("\n\n")
    rows = dict(line.split(None, 1) for line in head.splitlines())
    assert (rows["job"], rows["workstream"], rows["actor"], rows["state"]) == (
        job,
        "mail",
        "greet",
        "waiting",
    )
    assert (rows["args"], rows["kwargs"], rows["key"]) == ('["ann"]', '{"n":1}', "acme")
    assert "no worker" in rows["waits"]
    assert "sent" in log
    assert call("job", "show", job, "--json").objects()[0]["log"][0]["event"] == "sent"


@pytest.mark.usefixtures("project")
def test_secrets_of_a_payload_are_never_shown(call: Command) -> None:
    words = ["send", "mail", "greet", '{"api_key": "hunter2"}', "--kwargs", '{"password": "hunter2"}']
    job = call(*words).out.strip()
    for ended in (call("job", "show", job), call("job", "show", job, "--json")):
        assert "hunter2" not in ended.out
        assert "[redacted]" in ended.out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("job", ["0192", "", "a:b", "\udcff", "x" * 5000])
def test_an_unknown_job_ends_with_1(call: Command, job: str) -> None:
    ended = call("job", "show", job)
    assert (ended.code, ended.out) == (1, "")
    assert "expected the id of a job that is kept" in ended.err
