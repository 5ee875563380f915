"""The plan of faults: all of it follows from the seed."""

from __future__ import annotations

import dataclasses

import pytest

from tests.chaos.plan import KINDS, ROUND, kinds_of, plan_of
from tests.chaos.settings import Settings

ALL = Settings(seconds=6_000, kill_every=5, faults=tuple(KINDS), seed=3)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan_of(ALL) == plan_of(ALL)


def test_another_seed_gives_another_plan() -> None:
    assert plan_of(ALL) != plan_of(dataclasses.replace(ALL, seed=4))


def test_faults_come_as_often_as_asked_for_and_none_after_the_end() -> None:
    planned = plan_of(ALL)
    assert 1_100 <= len(planned) <= 1_300
    assert max(one.at for one in planned) < 6_000


def test_every_kind_that_was_asked_for_comes_in_the_long_run_and_no_other() -> None:
    assert {one.kind for one in plan_of(ALL)} == set(KINDS)
    some = dataclasses.replace(ALL, faults=("cut", "redis"))
    assert {one.kind for one in plan_of(some)} == {"cut", "redis"}


def test_a_short_session_has_something_of_every_group() -> None:
    for seed in range(20):
        short = plan_of(dataclasses.replace(ALL, seed=seed, seconds=60))
        kinds = {one.kind for one in short[:7]}
        assert all(kinds & set(group) for group in ROUND)


def test_without_faults_there_is_no_plan() -> None:
    assert plan_of(dataclasses.replace(ALL, faults=())) == []


def test_a_word_stands_for_a_group_of_kinds() -> None:
    assert kinds_of(["stop", "redis"]) == (
        "stop-worker",
        "stop-supervisor",
        "stop-host",
        "stop-scheduler",
        "redis",
    )


def test_an_unknown_word_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"kill-worker.*found 'kil'"):
        kinds_of(["kil"])
