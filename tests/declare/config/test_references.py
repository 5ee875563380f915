"""Names that are used are names that are declared."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused


def test_limits_and_workstreams_share_their_names(refused: Refused) -> None:
    [problem] = refused("limits:\n  a: {}\nworkstreams:\n  a: 5\n")
    assert (problem.path, problem.line, problem.found) == ("workstreams.a", 4, '"a"')
    assert problem.expected == "another name than the limit's on line 2"


@pytest.mark.parametrize("within", ["[a, twlio]", "twlio"])
def test_a_limit_to_stay_within_is_declared(refused: Refused, within: str) -> None:
    [problem] = refused(f"limits: {{twilio: {{}}, a: {{}}}}\nworkstreams:\n  sms:\n    within: {within}\n")
    assert (problem.expected, problem.found, problem.line) == ("a declared limit", '"twlio"', 4)
    assert problem.hint == 'did you mean "twilio"?'


def test_a_workstream_is_no_limit_to_stay_within(refused: Refused) -> None:
    [problem] = refused("workstreams: {mail: 1, sms: {within: mail}}\n")
    assert (problem.path, problem.hint) == ("workstreams.sms.within", "declared are none")


def test_a_pool_is_declared(refused: Refused) -> None:
    [problem] = refused("worker: {pools: {main: 1, cpu: 1}}\nworkstreams: {a: {pool: cup}}\n")
    assert (problem.path, problem.found, problem.hint) == (
        "workstreams.a.pool",
        '"cup"',
        'did you mean "cpu"?',
    )


def test_the_pool_main_is_there_unless_others_are_declared(build: Build, refused: Refused) -> None:
    assert build(workstreams={"a": 1}).queues("main") == ("a",)
    [problem] = refused("worker: {pools: {cpu: 1}}\nworkstreams: {a: 1}\n")
    assert (problem.expected, problem.found) == ("a declared pool", '"main"')


def test_a_name_in_the_defaults_is_checked_where_it_stands(refused: Refused) -> None:
    problems = refused("defaults: {within: nowhere}\nworkstreams: {a: 1, b: 1}\n")
    assert [problem.path for problem in problems] == ["defaults.within"]


@pytest.mark.usefixtures("everything_held")
def test_workstreams_within_one_limit_are_in_one_shard(refused: Refused) -> None:
    [problem] = refused(
        "limits: {x: {}}\nworkstreams:\n"
        "  a: {within: x, shard: eu}\n  b: {within: x, shard: eu}\n  c: {within: x}\n"
    )
    assert (problem.path, problem.line) == ("workstreams.c", 5)
    assert problem.expected == 'the shard of "a", which is within the limit "x" as well'
