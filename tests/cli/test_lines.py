from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from workstreams.cli.lines import BadLine, Call, read_calls

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(data: bytes, longest: int = 100) -> list[Call | BadLine]:
    return list(read_calls(io.BytesIO(data), longest))


@given(st.binary(max_size=400))
def test_whatever_is_read_becomes_calls_or_bad_lines_with_rising_numbers(data: bytes) -> None:
    numbers = [found.line for found in read(data, 20)]
    assert numbers == sorted(set(numbers))
    assert all(0 < number <= data.count(b"\n") + 1 for number in numbers)


@given(st.lists(VALUES), st.dictionaries(st.text(), VALUES))
def test_a_whole_call_comes_through_as_it_was_written(args: list[object], kwargs: dict[str, object]) -> None:
    line = json.dumps({"args": args, "kwargs": kwargs, "key": "k", "cost": 2}).encode()
    assert read(line, 10**6) == [Call(1, tuple(args), kwargs, "k", 2)]


def test_a_long_line_is_skipped_to_its_end_and_counted_once() -> None:
    found = read(b"[1]\n" + b"x" * 1000 + b"\n[2]", 50)
    assert [type(one) for one in found] == [Call, BadLine, Call]
    assert [one.line for one in found] == [1, 2, 3]


def test_a_line_of_exactly_the_longest_length_is_read() -> None:
    line = b'["' + b"x" * 46 + b'"]'
    assert read(line + b"\n" + line, 50) == [Call(1, ("x" * 46,), {}), Call(2, ("x" * 46,), {})]
    assert isinstance(read(b" " + line + b"\n", 50)[0], BadLine)


def test_nesting_without_end_is_a_bad_line() -> None:
    assert isinstance(read(b"[" * 90_000, 100_000)[0], BadLine)
