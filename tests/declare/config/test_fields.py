"""Each kind of value is read, or refused in a sentence of its own."""

from __future__ import annotations

import math

import pytest

from tests.declare.config.conftest import Refused
from workstreams.declare.config import fields
from workstreams.declare.config.fields import Reads
from workstreams.declare.config.scalars import Untyped


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        (fields.whole(1), 5, 5),
        (fields.whole(1, 5), 5, 5),
        (fields.whole(1), Untyped("5"), 5),
        (fields.number(above=0), 1, 1.0),
        (fields.number(above=0), Untyped("0.5"), 0.5),
        (fields.number(at_least=0, below_or_at=1), 0, 0.0),
        (fields.flag, True, True),
        (fields.flag, Untyped("false"), False),
        (fields.duration(), "30s", 30_000_000),
        (fields.duration(), Untyped("30s"), 30_000_000),
        (fields.size(), "1KiB", 1024),
        (fields.choice("a", "b"), "b", "b"),
        (fields.name("a name"), "a.b-c_1", "a.b-c_1"),
        (fields.text(), "grüße", "grüße"),
        (fields.text(), Untyped("5"), "5"),
        (fields.or_null(fields.whole(1)), None, None),
        (fields.or_null(fields.whole(1)), Untyped(""), None),
        (fields.or_null(fields.whole(1)), 3, 3),
        (fields.or_empty(fields.text()), "", None),
        (fields.or_empty(fields.text()), None, None),
        (fields.or_empty(fields.text()), "x", "x"),
    ],
)
def test_a_value_of_its_kind_is_read(kind: Reads, given: object, read: object) -> None:
    result = kind.read(given)
    assert result == read
    assert type(result) is type(read)


@pytest.mark.parametrize(
    "given", [0, 6, -1, 2.0, True, "3", None, [], {}, Untyped("x"), Untyped(""), Untyped("true")]
)
def test_what_is_no_whole_number_in_bounds_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a whole number from 1 to 5"):
        fields.whole(1, 5).read(given)


@pytest.mark.parametrize("given", [0, -1, 1.1, math.nan, math.inf, True, "1", None, 10**400])
def test_what_is_no_number_in_bounds_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a number above 0 and at most 1"):
        fields.number(above=0, below_or_at=1).read(given)


@pytest.mark.parametrize("given", [1, 0, "true", None, Untyped("yes")])
def test_what_is_no_switch_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="true or false"):
        fields.flag.read(given)


@pytest.mark.parametrize("given", [5, 1.5, True, None, [], "a\nb", "a\x00b", "a\x1b[31mb"])
def test_what_is_no_line_of_text_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="text"):
        fields.text().read(given)


@pytest.mark.parametrize("given", ["", "1a", "a b", "a{b}", "ä", "a" * 101, 5, None, "a\n"])
def test_what_cannot_be_part_of_a_key_is_refused_as_a_name(given: object) -> None:
    with pytest.raises(ValueError, match="a name: a letter or _"):
        fields.name("a name").read(given)


def test_a_value_below_its_smallest_is_refused() -> None:
    with pytest.raises(ValueError, match="a duration of at least 1s"):
        fields.duration(1_000_000).read("999ms")
    with pytest.raises(ValueError, match="a size of at least 10B"):
        fields.size(10).read("9B")


def test_a_word_out_of_a_choice_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="auto, json or pretty") as caught:
        fields.choice("auto", "json", "pretty").read("jsno")
    assert caught.value.args[1] == 'did you mean "json"?'


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        ("timeout: 30", "a duration with its unit, such as 250ms, 30s, 5m, 2h or 7d", "30"),
        ("rate: 0/s", "a rate of at least 1 (to stop a workstream, write paused: true)", '"0/s"'),
        ("rate: 10", "a rate such as 20/s, 5/30s, 100/m or 10000/h", "10"),
        ("concurrency: -1", "a whole number of at least 1", "-1"),
        ("concurrency: true", "a whole number of at least 1", "true"),
        ("concurrency: 1.0", "a whole number of at least 1", "1.0"),
        ("pool: 5", "the name of a pool: a letter or _, then letters, digits and . _ -, at most 100", "5"),
        ("max_payload: 1000", "a size with its unit, such as 512B, 256KiB, 64MiB or 1GiB", "1000"),
        ("paused: yes", "true or false", '"yes"'),
        ("timeout:", "a duration with its unit, such as 250ms, 30s, 5m, 2h or 7d", "nothing"),
        ("threads: [8]", "a whole number from 1 to 1000", "a list"),
        ("threads: {a: 8}", "a whole number from 1 to 1000", "a mapping"),
        ("threads: 1001", "a whole number from 1 to 1000", "1001"),
        ("read_ahead: -1", "a whole number from 0 to 1000", "-1"),
    ],
)
def test_a_wrong_value_is_told_with_its_line_in_our_own_words(
    refused: Refused, line: str, expected: str, found: str
) -> None:
    [problem] = refused(f"workstreams:\n  mail:\n    {line}\n")
    assert (problem.expected, problem.found, problem.line) == (expected, found, 3)
    assert problem.path == f"workstreams.mail.{line.partition(':')[0]}"


def test_a_number_in_quotes_is_told_to_lose_them(refused: Refused) -> None:
    [problem] = refused('workstreams: {mail: {threads: "8"}}')
    assert problem.hint == "write it without quotes"


def test_a_number_where_text_is_meant_is_told_to_get_quotes(refused: Refused) -> None:
    [problem] = refused("app: 5")
    assert (problem.found, problem.hint) == ("5", "put it in quotes")
