"""What this version would not hold to is refused instead of ignored."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("shard", "eu", "this version keeps every workstream in the app's own shard"),
    ],
)
def test_a_key_of_a_later_version_is_refused_with_its_reason(
    refused: Refused, key: str, value: str, reason: str
) -> None:
    [problem] = refused(f"workstreams:\n  mail:\n    {key}: {value}\n")
    assert str(problem).endswith(
        f"workstreams.yml:3: workstreams.mail.{key}: "
        f"expected a key that this version holds to, found {key} ({reason})"
    )


def test_one_value_of_a_key_may_be_refused_while_the_others_hold(refused: Refused, load: Build) -> None:
    [problem] = refused("schedules:\n  tick:\n    actor: a\n    every: 1s\n    overlap: queue\n")
    assert (problem.path, problem.line, problem.found) == ("schedules.tick.overlap", 5, '"queue"')
    assert problem.expected == "a value that this version holds to"
    assert problem.hint.startswith("this version does not hold a tick back until a job has ended yet")
    for value in ("skip", "allow"):
        config = load(f"schedules: {{tick: {{actor: a, every: 1s, overlap: {value}}}}}")
        assert config.schedules["tick"].overlap == value


def test_a_key_in_the_defaults_is_refused_once_where_it_stands(refused: Refused) -> None:
    problems = refused("defaults: {shard: eu}\nworkstreams: {a: 1, b: 2}\n")
    assert [problem.path for problem in problems] == ["defaults.shard"]


def test_a_refused_key_is_checked_all_the_same(refused: Refused) -> None:
    problems = refused("workstreams: {mail: {shard: 1}}")
    assert [problem.path for problem in problems] == ["workstreams.mail.shard"] * 2


def test_a_key_that_says_nothing_is_let_through(load: Build) -> None:
    assert load("schedules:\nworkstreams: {mail: {shard: null}}").workstream("mail").shard is None


@pytest.mark.usefixtures("everything_held")
def test_a_key_is_held_by_taking_its_row_away(build: Build) -> None:
    assert build(workstreams={"mail": {"shard": "eu"}}).workstream("mail").shard == "eu"
