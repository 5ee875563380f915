from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Command, Project
from tests.cli.test_status import on_a_terminal

CONFIG = """\
app: {app}
redis: {redis}
limits:
  account: {{rate: [20/s, 10000/h], concurrency: 50}}
workstreams:
  mail: {{rate: 50/s, concurrency: 5, within: account}}
  free:
"""


@pytest.fixture
def shop(tmp_path: Any, server: str, call: Command) -> Project:
    """A project with a shared limit, whose limits are published."""
    made = Project(tmp_path, server)
    made.write("config/workstreams.yml", CONFIG.format(app=made.app, redis=server))
    assert call("send", "mail", "greet").code == 0
    return made


def one(call: Command, *arguments: str) -> dict[str, Any]:
    [found] = call("limit", *arguments, "--json").objects()
    return found


def rates(terms: dict[str, Any]) -> list[str]:
    return [rate["rate"] for rate in terms["rates"]]


@pytest.mark.usefixtures("shop")
def test_every_limit_is_a_row_with_what_it_allows_and_how_much_is_used(call: Command) -> None:
    heading, account, mail, free = call("limit").out.splitlines()
    assert heading.split() == ["LIMIT", "RATE", "USED", "RUNNING", "FREE", "HOLDS"]
    assert account.startswith("account  20/s, 10000/h  0 of 20/s, 0 of 10000/h  0 of 50")
    assert account.endswith("mail")
    assert mail.split()[:7] == ["mail", "50/s", "0", "of", "50/s", "0", "of"]
    assert free.split() == ["free", "-", "-", "0", "-", "-"]


@pytest.mark.usefixtures("shop")
def test_a_change_says_what_holds_and_every_list_shows_it_against_the_file(call: Command) -> None:
    ended = call("limit", "mail", "--rate", "20/s", "--rate", "1000/h", "--burst", "5")
    said = "mail: rate 20/s burst 5, 1000/h (file: 50/s), concurrency 5\n"
    assert (ended.code, ended.out, ended.err) == (0, said, "")
    assert "20/s burst 5, 1000/h (file: 50/s)" in call("limit").out
    assert "0 of 20/s, 0 of 1000/h (file: 50/s)" in call("status").out
    assert "0 of 1000/h (file: 50/s)" in call("status", "mail").out
    found = one(call, "mail")
    assert (rates(found["in_force"]), rates(found["file"])) == (["20/s", "1000/h"], ["50/s"])
    assert found["overridden"] == ["rates"]
    [status] = call("status", "mail", "--json").objects()
    assert status["overridden"] == [{"limit": "mail", "what": "rates", "file": "50/s"}]


@pytest.mark.usefixtures("shop")
def test_what_is_not_given_stays_as_it_is_and_reset_goes_back_to_the_file(call: Command) -> None:
    call("limit", "mail", "--rate", "20/s")
    ended = call("limit", "mail", "--concurrency", "none")
    assert ended.out == "mail: rate 20/s (file: 50/s), concurrency none (file: 5)\n"
    assert "0 (file: 5)" in call("status").out
    assert call("limit", "mail", "--reset").out == "mail: rate 50/s, concurrency 5\n"
    assert one(call, "mail")["overridden"] == []


@pytest.mark.usefixtures("shop")
def test_a_change_prints_its_record_as_json(call: Command) -> None:
    found = one(call, "mail", "--concurrency", "2")
    assert (found["in_force"]["concurrency"], found["file"]["concurrency"]) == (2, 5)


@pytest.mark.usefixtures("shop")
def test_a_shared_limit_names_the_workstreams_that_it_holds(call: Command) -> None:
    ended = call("limit", "account", "--rate", "5/s")
    assert ended.out == "account: rate 5/s (file: 20/s, 10000/h), concurrency 50\n"
    assert one(call, "account")["workstreams"] == ["mail"]
    assert "account 0 of 5/s (file: 20/s, 10000/h)" in call("status").out
    told = call("tail", "mail", "--no-follow", "--json").objects()
    [event] = [line for line in told if line["event"] == "limit_changed"]
    assert (event["by"], event["limit"]) == ("operator", "account")
    assert (event["old"]["rate"], event["new"]["rate"]) == ("20/s, 10000/h", "5/s")


@pytest.mark.usefixtures("shop")
def test_one_key_may_be_allowed_something_else(call: Command) -> None:
    ended = call("limit", "mail", "--key", "acme", "--rate", "2/s", "--concurrency", "1")
    assert ended.out == "mail, key acme: rate 2/s (file: none), concurrency 1 (file: none)\n"
    found = one(call, "mail", "--key", "acme")
    assert (found["key"], rates(found["in_force"]), found["running"]) == ("acme", ["2/s"], 0)
    assert one(call, "mail")["keys"] == ["acme"]
    assert "acme (set live)" in call("limit", "mail").out
    call("limit", "mail", "--key", "acme", "--reset")
    assert one(call, "mail")["keys"] == []


@pytest.mark.usefixtures("shop")
def test_a_key_cannot_move_the_cursor_of_whoever_limits_it(call: Command) -> None:
    out = call("limit", "mail", "--key", "a\x1b[2Jb\n", "--rate", "2/s").out
    assert out.startswith("mail, key a\\x1b[2Jb\\n: rate 2/s")


@pytest.mark.usefixtures("shop")
def test_a_limit_in_detail_says_when_it_is_free(call: Command) -> None:
    rows = dict(line.split(maxsplit=1) for line in call("limit", "mail").out.splitlines())
    assert (rows["limit"], rows["rate"], rows["free"]) == ("mail", "50/s", "now")


def test_before_anything_is_published_the_declared_limits_are_told(project: Project, call: Command) -> None:
    found = one(call, "mail")
    assert (found["published"], rates(found["in_force"]), found["in_force"]["concurrency"]) == (
        False,
        ["2/h"],
        5,
    )
    assert "not yet" in call("limit", "mail").out
    ended = call("limit", "mail", "--concurrency", "2")
    assert (ended.code, ended.out) == (1, "")
    assert "start a worker with this config" in ended.err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("male", "--rate", "5/s"), 'found "male" (did you mean "mail"?)'),
        (("male",), 'expected a declared workstream or limit, found "male"'),
        (("mail", "--rate", "5"), "--rate: expected a rate such as 20/s"),
        (("mail", "--rate", "0/s"), "--rate: expected a rate of at least 1"),
        (("mail", "--rate", "5/s", "--rate", "9/s"), "--rate: expected one rate over a window of 1s"),
        (("mail", "--rate", "5/s", "--burst", "6"), "--burst: expected a burst of at most the 5 that 5/s"),
        (
            ("mail", "--burst", "51"),
            "--burst: expected a burst of at most the 50 that 50/s permits, found 51",
        ),
        (("mail", "--burst", "0"), "--burst: expected a whole number of at least 1"),
        (("mail", "--burst", "x"), "burst"),
        (("free", "--burst", "1"), "--burst: expected a rate that the burst is for"),
        (("mail", "--concurrency", "0"), "(to stop it, pause it)"),
        (("mail", "--concurrency", "-1"), "--concurrency: expected a whole number of at least 1"),
        (("mail", "--concurrency", "many"), 'or "none", found "many"'),
        (("mail", "--reset", "--rate", "5/s"), "--reset: expected nothing to set beside it"),
        (("account", "--key", "acme", "--rate", "5/s"), 'a workstream, found the shared limit "account"'),
        (("account", "--key", "acme"), 'a workstream, found the shared limit "account"'),
        (("mail", "--key", "", "--rate", "5/s"), "--key: expected a key"),
        (("--key", "acme"), "NAME: expected the workstream or limit that is meant"),
        (("--rate", "5/s"), "NAME: expected the workstream or limit that is meant"),
        (("--reset",), "NAME: expected the workstream or limit that is meant"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_slip_is_one_sentence_ends_with_2_and_changes_nothing(
    call: Command, arguments: tuple[str, ...], part: str
) -> None:
    ended = call("limit", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert part in ended.err
    assert len(ended.err.splitlines()) == 1
    assert [state["overridden"] for state in call("limit", "--json").objects()] == [[], [], []]


def test_a_terminal_draws_a_table(shop: Project) -> None:
    drawn = on_a_terminal(shop, "limit", env={"COLUMNS": "120"})
    assert "─" in drawn
    assert "20/s, 10000/h" in drawn
