"""Scalars get the type that YAML gives them."""

from __future__ import annotations

import pytest

from workstreams.declare.config.scalars import Untyped, construct, typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-1", -1),
        ("010", 10),
        ("0x1f", 31),
        ("1.5", 1.5),
        ("true", True),
        ("", None),
        ("null", None),
        ("yes", "yes"),
        ("10/s", "10/s"),
        ("2024-05-01", "2024-05-01"),
        ("<<", "<<"),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_text_out_of_a_variable_is_typed_as_if_it_stood_in_the_file(text: str, value: object) -> None:
    found = typed(Untyped(text))
    assert found == value
    assert type(found) is type(value)


def test_text_that_was_quoted_stays_text() -> None:
    assert typed("5") == "5"


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "abc"), ("bool", "maybe"), ("float", "x"), ("int", "9" * 5_000), ("int", ""), ("float", "")],
)
def test_text_that_does_not_fit_its_tag_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller writes the sentence
        construct(f"tag:yaml.org,2002:{kind}", text)
