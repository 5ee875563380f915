from __future__ import annotations

import os
import pty
import select
import time

import pytest

from tests.cli.conftest import Command, Project


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [["--watch"], ["--watch", "--json"], ["mail", "--watch"]])
def test_nobody_watches_in_a_pipe(call: Command, arguments: list[str]) -> None:
    ended = call("status", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "expected a terminal" in ended.err


def test_a_terminal_is_shown_what_changes_until_ctrl_c(project: Project, call: Command) -> None:
    mine, theirs = pty.openpty()
    try:
        environment = {"TERM": "xterm", "COLUMNS": "120", "LINES": "20"}
        with project.start("status", "--watch", stdin=theirs, stdout=theirs, env=environment) as process:
            seen = _until(mine, b"Ctrl-C ends it")
            assert b"mail" in seen
            assert b"no worker" not in seen
            assert project.app.encode() in seen
            call("send", "mail", "greet")
            assert b"no worker" in _until(mine, b"no worker")
            process.send_signal(2)
            assert process.wait(10) == 130
    finally:
        os.close(mine)
        os.close(theirs)


def _until(terminal: int, text: bytes) -> bytes:
    seen, deadline = b"", time.monotonic() + 15
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536)
    return seen
