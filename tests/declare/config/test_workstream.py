"""A workstream's own keys."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


def test_a_workstream_that_says_nothing_has_the_documented_defaults(build: Build) -> None:
    mail = build(workstreams={"mail": None}).workstream("mail")
    assert (mail.name, mail.rates, mail.concurrency, mail.threads, mail.within) == ("mail", (), None, 8, ())
    assert (mail.timeout, mail.max_waiting, mail.max_payload) == (600 * SECOND, 1_000_000, 262_144)
    assert (mail.read_ahead, mail.pool, mail.paused, mail.shard) == (0, "main", False, None)
    assert (mail.per_key, mail.on_rate_limited) == (None, None)


def test_retries_and_keep_have_the_documented_defaults(build: Build) -> None:
    mail = build(workstreams={"mail": {}}).workstream("mail")
    retries = mail.retries
    assert (retries.max, retries.min_backoff, retries.max_backoff, retries.jitter) == (20, SECOND, HOUR, 0.2)
    assert (mail.keep.done.age, mail.keep.done.count) == (HOUR, 10_000)
    assert (mail.keep.dead.age, mail.keep.dead.count) == (30 * DAY, 100_000)
    assert (mail.keep.logs.age, mail.keep.logs.size) == (7 * DAY, 64 * 2**20)


def test_a_number_is_the_concurrency(build: Build) -> None:
    assert build(workstreams={"mail": 5}).workstream("mail").concurrency == 5


def test_a_number_of_retries_is_their_maximum(build: Build) -> None:
    retries = build(workstreams={"mail": {"retries": 5}}).workstream("mail").retries
    assert (retries.max, retries.max_backoff) == (5, HOUR)


def test_no_retries_at_all_can_be_asked_for(build: Build) -> None:
    assert build(workstreams={"mail": {"retries": 0}}).workstream("mail").retries.max == 0


def test_what_is_not_said_of_keep_stays_as_it_is(build: Build) -> None:
    keep = build(workstreams={"mail": {"keep": {"dead": {"age": "1d"}}}}).workstream("mail").keep
    assert (keep.dead.age, keep.dead.count, keep.done.count) == (DAY, 100_000, 10_000)


def test_one_limit_to_stay_within_needs_no_list(build: Build) -> None:
    config = build(limits={"a": {"concurrency": 1}}, workstreams={"mail": {"within": "a"}})
    assert config.workstream("mail").within == ("a",)


@pytest.mark.parametrize("body", ["true", "-1", "0", "1.5", "text", "[1]"])
def test_what_is_no_mapping_and_no_concurrency_is_refused(refused: Refused, body: str) -> None:
    [problem] = refused(f"workstreams:\n  mail: {body}\n")
    assert problem.path == "workstreams.mail"
    assert problem.expected in ("a mapping or a number", "a whole number of at least 1")
    assert problem.line == 2


@pytest.mark.parametrize("retries", ["true", "{max: true}", "{max: -1}", "-1"])
def test_what_is_no_number_of_retries_is_refused(refused: Refused, retries: str) -> None:
    [problem] = refused(f"workstreams: {{mail: {{retries: {retries}}}}}")
    assert problem.expected == "a whole number of at least 0"


def test_a_shortest_wait_longer_than_the_longest_is_refused(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  mail:\n    retries:\n      min_backoff: 2h\n")
    assert (problem.path, problem.line) == ("workstreams.mail.retries.min_backoff", 4)
    assert (problem.expected, problem.found) == ("a min_backoff of at most max_backoff", '"2h"')


@pytest.mark.parametrize("limit", ["concurrency: 1", "rate: 1/s", "within: a"])
def test_reading_ahead_is_refused_under_a_limit(refused: Refused, limit: str) -> None:
    [problem] = refused(f"limits: {{a: {{}}}}\nworkstreams: {{mail: {{read_ahead: 2, {limit}}}}}")
    assert (problem.path, problem.found) == ("workstreams.mail.read_ahead", "2")


def test_reading_ahead_is_fine_without_limits(build: Build) -> None:
    assert build(workstreams={"mail": {"read_ahead": 4}}).workstream("mail").read_ahead == 4


def test_the_same_limit_twice_is_refused(refused: Refused) -> None:
    [problem] = refused("limits: {a: {}}\nworkstreams: {mail: {within: [a, a]}}")
    assert (problem.path, problem.expected) == ("workstreams.mail.within", "each limit once")


@pytest.mark.parametrize("key", ["name", "entries", "rates", "_name"])
def test_a_name_of_the_inside_is_no_key(refused: Refused, key: str) -> None:
    [problem] = refused(f"workstreams: {{mail: {{{key}: x}}}}")
    assert (problem.expected, problem.found) == ("a known key", key)
