from __future__ import annotations

import pytest

from workstreams.cli.screen import Marked, counted, fields, shown, span


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0.0s"),
        (400_000, "0.4s"),
        (9_940_000, "9.9s"),
        (12_300_000, "12s"),
        (192_000_000, "3m 12s"),
        (7_500_000_000, "2h 5m"),
        (273_600_000_000, "3d 4h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(microseconds: int, text: str) -> None:
    assert span(microseconds) == text


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "a\rb", "\x9b2J", "\u202eevil", "\x00", "\udcff", "a\nb", "\u2028"]
)
def test_text_that_could_move_or_turn_a_line_is_escaped(text: str) -> None:
    assert shown(text).isprintable()


def test_readable_text_of_any_language_is_left_alone() -> None:
    assert shown("größe 数 ✓") == "größe 数 ✓"


def test_a_marked_value_is_its_text_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("a", Marked("y", "dim"))])
    assert capsys.readouterr().out.splitlines() == ["a  y"]


@pytest.mark.parametrize(("number", "told"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs")])
def test_one_thing_is_one_and_not_several(number: int, told: str) -> None:
    assert counted(number, "job") == told


def test_a_value_of_several_lines_is_indented_below_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("a", "one\ntwo"), ("long", ""), ("b", 3)])
    assert capsys.readouterr().out.splitlines() == ["a     one", "      two", "long", "b     3"]
