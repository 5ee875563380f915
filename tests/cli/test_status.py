from __future__ import annotations

import os
import pty
from collections.abc import Mapping

import pytest

from tests.cli.conftest import Command, Project


def on_a_terminal(project: Project, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What a command shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    try:
        process = project.start(
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm", "COLUMNS": "80"} | dict(env or {}),
        )
        assert process.wait(20) == 0
    finally:
        os.close(theirs)
    shown = b""
    # At the end of what was written Linux reports an error, and macOS nothing.
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return shown.decode()


@pytest.mark.usefixtures("project")
def test_each_workstream_is_one_aligned_row_in_a_pipe(call: Command) -> None:
    call("send", "mail", "greet")
    ended = call("status")
    assert ended.code == 0
    heading, mail, free = ended.out.splitlines()
    assert heading.split()[:4] == ["STREAM", "WAITING", "LATER", "RUNNING"]
    assert mail.split() == [
        *["mail", "1", "0", "0", "of", "5", "0", "of", "2/h", "no", "worker"],
        *mail.split()[11:],
    ]
    assert mail.index("no worker") == heading.index("HELD BY") == free.index("-", heading.index("HELD BY"))
    assert "\x1b" not in ended.out


@pytest.mark.usefixtures("project")
def test_json_is_one_object_a_line_with_stable_keys(call: Command) -> None:
    call("send", "mail", "greet")
    mail, free = call("status", "--json").objects()
    assert (mail["workstream"], free["workstream"]) == ("mail", "free")
    assert mail["waiting"] == 1
    assert mail["held"] == {
        "reason": "no worker",
        "limit": None,
        "free_at": None,
        "used": None,
        "allowed": None,
        "of_key": None,
    }
    assert mail["rates"] == [{"limit": "mail", "used": 0, "permits": 2, "window_ms": 3_600_000, "pace": None}]
    assert mail["slots"] == [{"limit": "mail", "used": 0, "allowed": 5}]
    assert mail["at"].endswith("Z")
    assert list(mail) == list(free)


@pytest.mark.usefixtures("project")
def test_one_workstream_is_shown_in_detail(call: Command) -> None:
    call("send", "mail", "greet")
    rows = dict(line.split("  ", 1) for line in call("status", "mail").out.splitlines())
    assert {name: value.strip() for name, value in rows.items()}["held by"] == "no worker"
    assert "1 sent" in rows["this minute"] + rows["last minute"]


@pytest.mark.usefixtures("project")
def test_an_unknown_workstream_is_told_with_the_nearest_one(call: Command) -> None:
    ended = call("status", "mial")
    assert (ended.code, ended.out) == (2, "")
    assert 'did you mean "mail"' in ended.err


def test_a_terminal_gets_colours_unless_no_color_is_set(project: Project) -> None:
    coloured = on_a_terminal(project, "status")
    assert "\x1b[" in coloured
    assert "mail" in coloured
    plain = on_a_terminal(project, "status", env={"NO_COLOR": "1"})
    assert "mail" in plain
    assert "\x1b[3" not in plain


def test_a_terminal_gets_a_progress_bar_and_a_pipe_does_not(project: Project, call: Command) -> None:
    project.write("jobs.jsonl", "[1]\n" * 400)
    assert "400 jobs sent" in on_a_terminal(project, "send", "free", "greet", "--jsonl", "jobs.jsonl")
    ended = call("send", "free", "greet", "--jsonl", "jobs.jsonl")
    assert (ended.out, ended.err) == ("400 jobs sent\n", "")


def test_foreign_content_in_redis_is_told_and_the_rest_shown(project: Project, call: Command) -> None:
    from workstreams.declare.config import load_config
    from workstreams.store.client import producer_client
    from workstreams.store.keys import Keys

    call("send", "free", "greet")
    client = producer_client(load_config(project.folder / "config").redis)
    client.set(Keys(project.app).workstream("mail", "dead"), "text")
    ended = call("status")
    client.close()
    assert ended.code == 0
    assert "unreadable" in ended.out
    assert "no worker" in ended.out


def test_without_workers_the_list_says_how_to_start_some(project: Project, call: Command) -> None:
    ended = call("workers")
    assert (ended.code, ended.out) == (0, "")
    assert "`workstreams worker`" in ended.err
    assert call("workers", "--json").out == ""
