from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstreams.log.values import MAX_REPR, MAX_VALUES, cut, encode, plain, text_of


class Colour(enum.Enum):
    RED = "red"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclasses.dataclass
class Point:
    x: int
    inner: object = None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**80, str(2**80)),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (b"raw", "b'raw'"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2025, 1, 2), "2025-01-02"),
        (pathlib.Path("/a/b"), "/a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        ((1, {2}), [1, [2]]),
        ({1: {None: True}}, {"1": {"None": True}}),
        (Point(1, [Point(2)]), {"x": 1, "inner": [{"x": 2, "inner": None}]}),
        (Broken(), "<unprintable Broken>"),
        ("\ud800", "\\ud800"),
        (len, "<built-in function len>"),
    ],
)
def test_what_json_has_no_word_for_is_written_as_text(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert orjson.loads(orjson.dumps(plain(value))) == expected


def test_a_long_repr_is_cut_in_its_middle() -> None:
    made = plain(b"a" * 5000 + b"z")
    assert len(made) < MAX_REPR + 50
    assert made.startswith("b'aaa")
    assert made.endswith("az'")
    assert "cut" in made


def test_a_value_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.extend([endless] * 10)
    assert len(encode({"x": endless, "y": Broken()})) < 100 * MAX_VALUES


@given(st.text())
def test_a_short_text_is_not_cut(text: str) -> None:
    assert cut(text, max(len(text), 1)) == text
    assert text_of(text) == text


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
        max_leaves=20,
    )
)
def test_anything_can_be_encoded(value: object) -> None:
    assert isinstance(orjson.loads(encode({"value": value})), dict)
