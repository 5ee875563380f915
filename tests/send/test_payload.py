from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstreams.errors import PayloadError
from workstreams.send.job import Job
from workstreams.send.payload import body_of, carried, job_from, options_of


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.StrEnum):
    RED = "red"


class Words(dict[str, int]):
    """A subclass that would come back as a plain dict."""


def job(*args: Any, **options: Any) -> Job[Any]:
    return Job("mail", "act", args, {}, options)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="not a number"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param({"deep": [{"er": float("nan")}]}, id="not a number, inside"),
        pytest.param({(1, 2): 3}, id="a tuple as a key"),
        pytest.param({1: 2}, id="a number as a key"),
        pytest.param(datetime.now(UTC), id="a time"),
        pytest.param(2**64, id="an integer over 64 bits"),
        pytest.param(-(2**63) - 1, id="an integer under 64 bits"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(Decimal("1.5"), id="a decimal"),
        pytest.param(Point(1), id="a dataclass"),
        pytest.param(Words(a=1), id="a subclass of dict"),
        pytest.param(uuid4(), id="a UUID"),
        pytest.param(Colour.RED, id="an enum"),
        pytest.param(object(), id="an object"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_what_json_cannot_carry_without_loss_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="act"):
        body_of(job(value))
    with pytest.raises(PayloadError, match="options"):
        options_of(job(extra=value))


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(PayloadError):
        body_of(job(loop))


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(_json, max_size=3), st.dictionaries(st.text(), _json, max_size=3))
def test_what_is_accepted_arrives_the_same(args: list[Any], options: dict[str, Any]) -> None:
    sent = Job("mail", "act", tuple(args), {"k": args}, options)
    assert job_from(body_of(sent), options_of(sent)) == sent


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (b"", b"{}"),
        (b"[]", b"{}"),
        (b"null", b"{}"),
        (b"{}", b"{}"),
        (b'{"args":1}', b"{}"),
        (b"\xff", b"{}"),
        (
            b'{"args":[],"kwargs":[],"queue_name":"m","actor_name":"a","message_id":"1","message_timestamp":1}',
            b"{}",
        ),
        (
            b'{"args":[],"kwargs":{},"queue_name":"m","actor_name":3,"message_id":"1","message_timestamp":1}',
            b"{}",
        ),
        (
            b'{"args":[],"kwargs":{},"queue_name":"m","actor_name":"a","message_id":"1","message_timestamp":1}',
            b"[1]",
        ),
    ],
)
def test_a_record_that_we_did_not_write_is_refused_as_such(body: bytes, options: bytes) -> None:
    with pytest.raises(PayloadError, match="job record"):
        job_from(body, options)


def test_options_are_parted_in_those_that_can_travel_and_the_names_of_the_others() -> None:
    options: dict[Any, Any] = {"a": 1, "span": object(), "deep": {"x": [2**64]}, "b": {"c": [None]}, 5: 1}
    assert carried(options) == ({"a": 1, "b": {"c": [None]}}, ["span", "deep", "5"])
