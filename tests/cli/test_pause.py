from __future__ import annotations

import pytest

from tests.cli.conftest import Command


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
