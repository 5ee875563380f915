"""Rates, bursts and margins of a limit."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config import RateLimit

SECOND = 1_000_000
HOUR = 3_600 * SECOND


def test_a_rate_stands_for_one_entry(build: Build) -> None:
    config = build(limits={"a": {"rate": "10/s"}})
    assert config.limits["a"].rates == (RateLimit(10, SECOND, None, 10_000),)
    assert config.limits["a"].name == "a"


def test_a_list_of_rates_all_hold_the_shortest_first(build: Build) -> None:
    rates = build(limits={"a": {"rate": [{"rate": "10000/h", "burst": 50}, "20/s"]}}).limits["a"].rates
    assert [(rate.permits, rate.window, rate.burst) for rate in rates] == [
        (20, SECOND, None),
        (10_000, HOUR, 50),
    ]


def test_the_burst_of_a_limit_is_that_of_its_shortest_rate(build: Build) -> None:
    rates = build(limits={"a": {"rate": ["10000/h", "20/s"], "burst": 1}}).limits["a"].rates
    assert [rate.burst for rate in rates] == [1, None]


@pytest.mark.parametrize(
    ("rate", "margin"),
    [("10/s", 10_000), ("10/500ms", 5_000), ("10/2s", 20_000), ("10/h", 20_000), ("1/1ms", 10)],
)
def test_the_margin_is_one_percent_of_the_window_and_at_most_20_ms(
    build: Build, rate: str, margin: int
) -> None:
    assert build(limits={"a": {"rate": rate}}).limits["a"].rates[0].margin == margin


def test_a_given_margin_holds_for_every_rate_without_its_own(build: Build) -> None:
    rates = (
        build(limits={"a": {"rate": ["20/s", {"rate": "1/m", "margin": "0s"}], "margin": "5ms"}})
        .limits["a"]
        .rates
    )
    assert [rate.margin for rate in rates] == [5_000, 0]


def test_no_rate_and_no_concurrency_is_no_limit(build: Build) -> None:
    limit = build(limits={"a": None}).limits["a"]
    assert (limit.rates, limit.concurrency, limit.limited) == ((), None, False)


@pytest.mark.parametrize(
    ("body", "path", "expected", "found"),
    [
        ("{rate: 10/s, burst: 11}", "burst", "a burst of at most the 10 that 10/s permits", "11"),
        ("{rate: 10/s, burst: 0}", "burst", "a whole number of at least 1", "0"),
        ("{rate: [10/s, 5/m], burst: 11}", "burst", "a burst of at most the 10 that 10/s permits", "11"),
        (
            "{rate: {rate: 10/s, burst: 11}}",
            "rate.burst",
            "a burst of at most the 10 that 10/s permits",
            "11",
        ),
        ("{rate: {rate: 10/s, burst: 1}, burst: 2}", "burst", "one burst for 10/s, which has its own", "2"),
        ("{burst: 3}", "burst", "a rate beside it", "3"),
        ("{margin: 3ms}", "margin", "a rate beside it", '"3ms"'),
        ("{rate: 10/s, margin: 1s}", "margin", "a margin shorter than the window of 1s", '"1s"'),
        ("{rate: [10/s, 20/1000ms]}", "rate", "one rate over a window of 1s", "a list"),
        (
            "{rate: [10/s, 0/m]}",
            "rate[1]",
            "a rate of at least 1 (to stop a workstream, write paused: true)",
            '"0/m"',
        ),
        ("{rate: [{burst: 1}]}", "rate[0]", 'the key "rate"', "none"),
        ("{rate: [[10/s]]}", "rate[0]", "a rate such as 20/s, 5/30s, 100/m or 10000/h", "a list"),
    ],
)
def test_rates_that_do_not_fit_together_are_refused(
    refused: Refused, body: str, path: str, expected: str, found: str
) -> None:
    [problem] = refused(f"limits:\n  a: {body}\n")
    assert (problem.path, problem.expected, problem.found) == (f"limits.a.{path}", expected, found)
    assert problem.line == 2


def test_a_limit_cannot_be_changed(build: Build) -> None:
    limit = build(limits={"a": {"concurrency": 1}}).limits["a"]
    with pytest.raises(ValidationError):
        limit.concurrency = 2


def test_a_number_alone_is_no_limit(refused: Refused) -> None:
    [problem] = refused("limits: {a: 5}")
    assert (problem.expected, problem.hint) == (
        "a mapping",
        "keys are rate, burst, margin, concurrency, on_rate_limited",
    )


def test_a_limit_for_each_key_has_rates_and_weights(build: Build) -> None:
    per_key = {"rate": "2/s", "concurrency": 1, "weights": {"gold": 5}}
    found = build(workstreams={"a": {"per_key": per_key}}).workstream("a").per_key
    assert found is not None
    assert (found.rates[0].permits, found.concurrency, found.weights) == (2, 1, {"gold": 5.0})


def test_a_weight_of_nothing_is_refused(refused: Refused) -> None:
    [problem] = refused("workstreams: {a: {per_key: {weights: {gold: 0}}}}")
    assert (problem.path, problem.expected) == ("workstreams.a.per_key.weights.gold", "a number above 0")


def test_what_a_refusal_does_to_the_rate_has_defaults(build: Build) -> None:
    document = {"a": {"rate": "5/s", "on_rate_limited": {"min": "1/s"}}}
    found = build(workstreams=document).workstream("a").on_rate_limited
    assert found is not None
    assert (found.back_off, found.recover, str(found.min)) == (0.7, 60 * SECOND, "1/s")


def test_a_shared_limit_may_be_eased_as_well(build: Build) -> None:
    limit = build(limits={"a": {"rate": "5/s", "on_rate_limited": {"back_off": 0.5}}}).limits["a"]
    assert limit.on_rate_limited is not None
    assert limit.on_rate_limited.back_off == 0.5


@pytest.mark.parametrize(
    ("rate", "least", "floor"),
    [
        ("20/s", None, 1),
        ("1/s", None, 1),
        ("1000/s", None, 10),
        ("20/s", "5/s", 5),
        ("20/s", "60/m", 1),
        ("20/s", "30/m", 0.5),
        (["10000/h", "20/s"], "2/s", 2),
    ],
)
def test_an_eased_rate_keeps_its_min_or_a_permit_in_a_window_or_a_hundredth(
    build: Build, rate: object, least: str | None, floor: float
) -> None:
    limit = build(limits={"a": {"rate": rate, "on_rate_limited": {"min": least}}}).limits["a"]
    assert limit.on_rate_limited is not None
    assert limit.on_rate_limited.floor(limit.rates[0]) == floor


def test_easing_without_a_rate_is_refused_with_the_way_out(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  a:\n    concurrency: 5\n    on_rate_limited: {}\n")
    assert (problem.path, problem.line, problem.expected) == (
        "workstreams.a.on_rate_limited",
        4,
        "a rate beside it",
    )
    assert problem.hint == "give this limit a rate, or put on_rate_limited where the rate stands"


def test_a_min_above_the_shortest_rate_is_refused(refused: Refused) -> None:
    [problem] = refused("limits: {a: {rate: [20/s, 9000/h], on_rate_limited: {min: 21/s}}}")
    assert (problem.path, problem.expected) == ("limits.a.on_rate_limited.min", "a min of at most 20/s")


def test_what_holds_for_a_key_is_not_eased_by_itself(refused: Refused) -> None:
    [problem] = refused("workstreams: {a: {per_key: {rate: 1/s, on_rate_limited: {}}}}")
    assert (problem.path, problem.expected) == ("workstreams.a.per_key.on_rate_limited", "a known key")
