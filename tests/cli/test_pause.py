from __future__ import annotations

import pytest

from tests.cli.conftest import Command, Project


@pytest.mark.usefixtures("project")
def test_a_workstream_is_paused_and_goes_on_and_status_tells_it(call: Command) -> None:
    assert call("pause", "mail").out == "mail is paused\n"
    assert call("pause", "mail").out == "mail was paused already\n"
    [state] = call("status", "mail", "--json").objects()
    assert (state["paused"], state["held"]["reason"]) == (True, "paused")
    assert "paused" in call("status").out
    assert call("resume", "mail").out == "mail goes on\n"
    assert call("resume", "mail").out == "mail was not paused\n"
    assert not call("status", "mail", "--json").objects()[0]["paused"]
    events = [line["event"] for line in call("tail", "mail", "--no-follow", "--json").objects()]
    assert events == ["paused", "resumed"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_undeclared_workstream_is_refused(call: Command, command: str) -> None:
    ended = call(command, "male")
    assert (ended.code, ended.out) == (2, "")
    assert 'did you mean "mail"' in ended.err


def test_a_shared_limit_is_paused_for_all_that_are_within_it(project: Project, call: Command) -> None:
    project.write(
        "config/workstreams.yml",
        (project.folder / "config/workstreams.yml").read_text()
        + "  sms: {within: account}\nlimits: {account: {rate: 5/s}}\n",
    )
    assert call("pause", "account").out == "account is paused\n"
    assert call("pause", "account").out == "account was paused already\n"
    assert "paused" in call("limit", "account").out
    assert call("send", "sms", "greet").code == 0
    assert "account is paused" in call("status").out
    assert call("resume", "account").out == "account goes on\n"
    assert "account is paused" not in call("status").out


@pytest.mark.usefixtures("project")
def test_a_key_is_paused_and_goes_on(call: Command) -> None:
    assert call("pause", "mail", "--key", "acme").out == "key acme of mail is paused\n"
    assert not call("status", "mail", "--json").objects()[0]["paused"]
    assert call("pause", "mail", "--key", "acme").out == "key acme of mail was paused already\n"
    assert call("resume", "mail", "--key", "acme").out == "key acme of mail goes on\n"
    assert call("resume", "mail", "--key", "acme").out == "key acme of mail was not paused\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_no_key_at_all_is_refused(call: Command, command: str) -> None:
    ended = call(command, "mail", "--key", "")
    assert (ended.code, ended.out) == (2, "")
    assert "--key: expected a key" in ended.err
