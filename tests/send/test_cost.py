from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import MakeConfig
from workstreams.declare.config import Workstream
from workstreams.errors import PayloadError
from workstreams.send.actor import own_options
from workstreams.send.cost import cost_from, cost_word
from workstreams.send.job import Job
from workstreams.send.order import order_for


@pytest.fixture
def api(make_config: MakeConfig) -> Workstream:
    config = make_config(
        limits={"tokens": {"rate": "9000/m"}, "others": {"rate": "1/s"}},
        api={"rate": "10/s", "within": ["tokens"]},
    )
    return config.workstream("api")


@pytest.mark.parametrize("cost", [1, 2, 0.25, 1_000_000])
def test_a_number_above_zero_weighs_the_same_against_every_limit(api: Workstream, cost: float) -> None:
    assert cost_word(cost, api) == cost


def test_a_map_travels_as_json_and_is_read_back(api: Workstream) -> None:
    word = cost_word({"tokens": 1200, "api": 0.5}, api)
    assert word == '{"api":0.5,"tokens":1200}'
    assert cost_from(str(word).encode()) == {"api": 0.5, "tokens": 1200}


def test_a_limit_may_cost_nothing(api: Workstream) -> None:
    assert cost_word({"tokens": 0}, api) == '{"tokens":0}'


def test_a_map_of_nothing_is_the_usual_cost(api: Workstream) -> None:
    assert cost_word({}, api) == 1


@pytest.mark.parametrize("cost", [0, -1, float("nan"), float("inf"), 2**63, True, "3", None, [1]])
def test_what_is_neither_a_number_above_zero_nor_a_map_is_refused(api: Workstream, cost: Any) -> None:
    with pytest.raises(PayloadError, match="a cost that is a number above 0, or a number for each limit"):
        cost_word(cost, api)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 2**63, True, "3", None])
def test_a_limits_cost_that_is_no_number_of_zero_or_more_is_refused(api: Workstream, value: Any) -> None:
    with pytest.raises(PayloadError, match='a cost for "tokens" that is a number of 0 or more'):
        cost_word({"tokens": value}, api)


def test_a_limit_that_does_not_hold_there_is_refused_with_the_nearest_and_all_that_do(
    api: Workstream,
) -> None:
    with pytest.raises(PayloadError) as caught:
        cost_word({"token": 1}, api)
    assert str(caught.value) == (
        'expected costs for limits that hold for "api", found "token" (did you mean "tokens"?): '
        "these hold: api, tokens"
    )
    with pytest.raises(PayloadError, match='found "others": these hold'):
        cost_word({"others": 1}, api)


def test_an_order_carries_a_map_as_text_in_its_words_and_as_a_follow_up(api: Workstream) -> None:
    job: Job[None] = Job("api", "ask", (), {}, own_options(cost={"tokens": 7}))
    order = order_for(job, api, "")
    assert order.words()[4] == order.followup()["cost"] == '{"tokens":7}'
    assert b'"cost":{"tokens":7}' in order.options


@pytest.mark.parametrize("word", [None, b"", b"x", b"nan", b"[1]", b'{"a": "b"}', b"-1", b"{}"])
def test_a_record_without_a_readable_cost_costs_one(word: bytes | None) -> None:
    assert cost_from(word) == 1
