from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Command, Project
from workstreams.admit.sessions import SessionInfo, Sessions
from workstreams.store.keys import Keys
from workstreams.store.link import Link

Kill = Callable[..., str]


@pytest.fixture
def kill(project: Project, server: str, call: Command) -> Kill:
    """Send a job and let it die of an error: ``kill("mail", "greet", "smtp down", "OSError")``."""
    link = Link(lambda: server, Keys(project.app))
    call("send", "free", "nobody")
    sid = uuid4().hex
    Sessions(link.scripts).open(
        SessionInfo(sid, "host:1", "main", ("mail", "free"), 3, "host", 1), 60_000_000
    )
    sequence = iter(range(1, 100))

    def exchange(wants: list[Any], finishes: list[Any]) -> list[Any]:
        call = {
            "sid": sid,
            "worker": "host:1",
            "seq": next(sequence),
            "epoch": "",
            "fresh": "e",
            "leaving": False,
        }
        found: list[Any] = link.scripts.run("exchange", {**call, "wants": wants, "finishes": finishes})
        return found

    def run(workstream: str, actor: str, message: str, kind: str = "OSError") -> str:
        job = call("send", workstream, actor).out.strip()
        given = next(grant for grant in exchange([[workstream, 5]], [])[3] if grant[1].decode() == job)
        error = f'{{"type":"{kind}","message":"{message}"}}'
        exchange([], [{"w": workstream, "i": job, "d": given[2], "o": "dead", "us": 1, "err": error}])
        return job

    return run


def test_dead_letters_are_listed_with_their_error_and_shown(call: Command, kill: Kill) -> None:
    first, second = kill("free", "greet", "smtp down"), kill("free", "bill", "no money")
    ended = call("dead", "list")
    assert (ended.code, ended.err) == (0, "")
    assert [row.split()[0] for row in ended.out.splitlines()[1:]] == [second, first]
    assert "OSError: smtp down" in ended.out
    assert [one["job"] for one in call("dead", "list", "free", "--actor", "bill", "--json").objects()] == [
        second
    ]
    assert "OSError: smtp down" in call("dead", "show", first).out
    assert "no such dead letter" in call("dead", "list", "mail").err


def test_named_letters_are_retried_and_the_others_told(call: Command, kill: Kill) -> None:
    job = kill("free", "greet", "smtp down")
    ended = call("dead", "retry", "none", job)
    assert (ended.code, ended.out) == (1, f"{job} retried\n")
    assert '"none"' in ended.err
    assert call("job", "show", job, "--json").objects()[0]["state"] == "waiting"
    again = call("dead", "discard", job)
    assert (again.code, again.out) == (1, "")
    assert "found it waiting" in again.err
    assert call("dead", "show", job).code == 1


def test_all_letters_of_an_actor_are_discarded_and_it_says_how_many(call: Command, kill: Kill) -> None:
    greets = [kill("free", "greet", "smtp down") for _ in range(2)]
    bill = kill("free", "bill", "no money")
    assert call("dead", "discard", "--all", "--actor", "greet").out == "2 dead letters discarded\n"
    assert {call("job", "show", job, "--json").objects()[0]["state"] for job in greets} == {"discarded"}
    assert call("dead", "retry", "--all", "--workstream", "mail").out == "0 dead letters retried\n"
    assert call("dead", "retry", "--all").out == "1 dead letter retried\n"
    assert call("job", "show", bill, "--json").objects()[0]["state"] == "waiting"


def test_letters_are_listed_retried_and_discarded_by_the_error_they_died_of(
    call: Command, kill: Kill
) -> None:
    down, other = kill("free", "greet", "smtp down"), kill("free", "greet", "no", "ValueError")
    listed = call("dead", "list", "--error", "OSError", "--json").objects()
    assert [(one["job"], one["error"]["type"]) for one in listed] == [(down, "OSError")]
    nothing = call("dead", "list", "--error", "OS")
    assert (nothing.code, nothing.out) == (0, "")
    assert "no such dead letter" in nothing.err
    assert call("dead", "discard", "--all", "--error", "OS").out == "0 dead letters discarded\n"
    assert call("dead", "retry", "--all", "--error", "OSError").out == "1 dead letter retried\n"
    assert call("dead", "discard", "--all", "--error", "ValueError").out == "1 dead letter discarded\n"
    assert call("job", "show", down, "--json").objects()[0]["state"] == "waiting"
    assert call("job", "show", other, "--json").objects()[0]["state"] == "discarded"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["retry", "discard"])
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all", "x"],
        ["x", "--actor", "greet"],
        ["x", "--error", "OSError"],
        ["x", "--workstream", "mail"],
    ],
)
def test_either_ids_or_all_are_named(call: Command, command: str, arguments: list[str]) -> None:
    ended = call("dead", command, *arguments, env={"WORKSTREAMS_DEAD_RETRY_ALL": "1"})
    assert (ended.code, ended.out) == (2, "")
