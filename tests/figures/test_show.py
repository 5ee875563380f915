"""Figures are read by people and by programs."""

from __future__ import annotations

import io
import json

import pytest

from tests.figures.show import Row, show

ROWS: list[Row] = [{"shape": "10/s", "started": 20_000}, {"shape": "50/s", "lost": 0}]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_pipe_each_row_is_one_json_object() -> None:
    out = io.StringIO()
    show("limits", ROWS, out=out)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"figure": "limits", **row} for row in ROWS
    ]


def test_on_a_terminal_it_is_one_table() -> None:
    out = Terminal()
    show("limits", ROWS, out=out)
    assert out.getvalue().count("limits") == 1
    assert "20,000" in out.getvalue()


def test_a_table_that_is_too_wide_is_cut_and_repeats_what_its_rows_are_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    show("limits", [{"shape": "10/s", **{f"column{n}": n for n in range(9)}}], out=out)
    assert out.getvalue().count("10/s") > 1
    assert {len(line) for line in out.getvalue().splitlines() if line.startswith("│")} <= set(range(41))
