from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command, Project


def send(call: Command, workstream: str, *words: str, count: int = 1) -> list[str]:
    return [call("send", workstream, "greet", *words).out.strip() for _ in range(count)]


@pytest.mark.usefixtures("project")
def test_the_last_lines_are_shown_in_order_and_readable(call: Command) -> None:
    jobs = send(call, "free", count=2) + send(call, "mail")
    ended = call("tail", "--no-follow")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [job[-8:] in line for job, line in zip(jobs, lines, strict=True)] == [True] * 3
    assert "\x1b" not in ended.out
    assert len(call("tail", "--no-follow", "-n", "1").out.splitlines()) == 1
    assert call("tail", "--no-follow", "-n", "0").out == ""


@pytest.mark.usefixtures("project")
def test_json_lines_carry_a_cursor_behind_which_it_goes_on(call: Command) -> None:
    send(call, "free", count=3)
    lines = call("tail", "--no-follow", "--json").objects()
    assert [line["event"] for line in lines] == ["sent"] * 3
    assert list(lines[0])[:5] == ["ts", "level", "event", "app", "workstream"]
    rest = call("tail", "--no-follow", "--json", "--after", lines[0]["cursor"]).objects()
    assert [line["job"] for line in rest] == [line["job"] for line in lines[1:]]


@pytest.mark.usefixtures("project")
def test_filters_choose_lines(call: Command) -> None:
    (mine,) = send(call, "free", "--key", "acme")
    send(call, "mail")
    assert len(call("tail", "mail", "--no-follow").out.splitlines()) == 1
    assert [line["job"] for line in call("tail", "--job", mine, "--no-follow", "--json").objects()] == [mine]
    assert len(call("tail", "--grep", "key=acme", "--no-follow").out.splitlines()) == 1
    assert len(call("tail", "--actor", "greet", "--no-follow").out.splitlines()) == 2
    assert call("tail", "--actor", "other", "--no-follow").out == ""
    assert call("tail", "--level", "info", "--no-follow").out == ""
    assert len(call("tail", "--since", "1h", "--no-follow").out.splitlines()) == 2


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("mial",), 'did you mean "mail"'),
        (("--since", "10"), "--since: expected a duration"),
        (("--level", "wraning"), 'did you mean "warning"'),
        (("--after", "x"), "cursor"),
        (("-n", "-1"), "-n"),
        (("-n", "many"), "-n"),
        (("--job", "\udcff"), "--job"),
    ],
)
def test_a_slip_is_told_and_ends_with_2(call: Command, arguments: tuple[str, ...], part: str) -> None:
    ended = call("tail", "--no-follow", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert part in ended.err


def test_it_shows_what_happens_while_it_looks(project: Project, call: Command) -> None:
    (before,) = send(call, "free")
    with project.running("tail", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["job"] == before
        (after,) = send(call, "mail")
        assert json.loads(process.stdout.readline())["job"] == after


@pytest.mark.usefixtures("project")
def test_control_characters_of_users_are_escaped(call: Command) -> None:
    (job,) = send(call, "free", "\x1b[2J", "--key", "a\x1b[31mb\r")
    for ended in (call("tail", "--no-follow"), call("job", "show", job)):
        assert "1b[31m" in ended.out
        assert "\x1b" not in ended.out
        assert "\r" not in ended.out
    assert call("tail", "--no-follow", "--json").objects()[0]["key"] == "a\x1b[31mb\r"
