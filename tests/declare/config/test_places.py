"""Where a problem is shown, and how what was found is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstreams.declare.config.places import Place, Places, dotted, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (5, "5"),
        ({}, "a mapping"),
        ([], "a list"),
        ('a"b', '"a\\"b"'),
        ("a\x1b[31m\n", '"a?[31m?"'),
        ("x" * 500, f'"{"x" * 80}…"'),
        ("redis://:pw@h/0", '"redis://***@h/0"'),
        ("redis://u:p/w@x@h", '"redis://***@h"'),
        ("u:pw@h", '"***@h"'),
        ("redis://h?password=pw&a=b", '"redis://h?password=***&a=b"'),
        ("me@example.org", '"me@example.org"'),
    ],
)
def test_what_was_found_is_shown_short_and_without_passwords(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_path_is_written_with_dots_and_positions() -> None:
    assert dotted(("workstreams", "mail", "rate", 0, "burst")) == "workstreams.mail.rate[0].burst"


def test_a_value_without_a_place_is_shown_at_what_holds_it() -> None:
    places = Places({("a",): Place(("a",), Path("f.yml"), 3)})
    problem = places.problem(("a", "b", "c"), "x", 1)
    assert (problem.path, problem.file, problem.line) == ("a", Path("f.yml"), 3)


def test_a_value_of_a_document_in_memory_is_shown_by_its_path() -> None:
    problem = Places().problem(("a", "b"), "x", 1)
    assert (problem.path, problem.file, problem.line) == ("a.b", None, None)
