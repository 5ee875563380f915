"""A key that is longer than any is refused where it comes in, in one sentence, and never written."""

from __future__ import annotations

import json

import pytest

import workstreams
from tests.cli.conftest import Command, Project
from workstreams.errors import PayloadError
from workstreams.units import LONGEST_KEY
from workstreams.wait.broker import WorkstreamBroker

LONG = "k" * (LONGEST_KEY + 1)
LONGEST = "é" * LONGEST_KEY


def test_a_send_takes_the_longest_key_and_no_longer_one(project: Project, call: Command) -> None:
    assert call("send", "mail", "act", "--key", LONGEST).code == 0
    ended = call("send", "mail", "act", "--key", LONG)
    assert ended.code == 1
    assert ended.err == (
        "error: expected a job's key of at most 256 characters, found 257: let it name the tenant, and the "
        "arguments carry the rest\n"
    )
    assert len(call("jobs", "mail", "--json").objects()) == 1


def test_a_line_with_a_longer_key_is_reported_by_its_number(project: Project, call: Command) -> None:
    lines = [json.dumps({"args": [], "key": key}) for key in ("a", LONG)]
    ended = call("send", "mail", "act", "--jsonl", "-", stdin="\n".join(lines).encode())
    assert ended.code == 1
    assert "2: expected a job's key of at most 256 characters, found 257" in ended.err
    assert LONG not in ended.err


@pytest.mark.parametrize(
    "command", [["pause", "mail"], ["resume", "mail"], ["limit", "mail"], ["limit", "mail", "--rate", "1/s"]]
)
def test_a_longer_key_cannot_be_limited_or_paused(
    project: Project, call: Command, command: list[str]
) -> None:
    ended = call(*command, "--key", LONG)
    assert (ended.code, ended.err) == (
        2,
        "error: --key: expected a key of at most 256 characters, found 257 characters\n",
    )


def test_an_actor_whose_argument_is_a_longer_key_is_refused_as_it_is_sent(broker: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail", key_arg="tenant")
    def act(tenant: str) -> None: ...

    with pytest.raises(PayloadError, match="key of at most 256 characters, found 1000000"):
        act.send("k" * 1_000_000)
    assert act.send(LONGEST).options["key"] == LONGEST
