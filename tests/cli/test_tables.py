from __future__ import annotations

import contextlib
import io
import re
import time

import pytest

from workstreams.cli.screen import Marked
from workstreams.cli.tables import Ago, table

#: A job's id is copied from the screen: it may not be cut.
ID = "01a20944-95db-7137-8060-8743c5eb93d8"
COLUMNS = ("JOB", "STATE", "KEY", "RATE")
ROWS = [(ID, Marked("done", "green"), "-", "20 of 20/s, 300 of 1000/h")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def lines_at(width: int, drawn: Terminal, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    with contextlib.redirect_stdout(drawn):
        table(COLUMNS, ROWS, (), ("KEY",))
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", drawn.getvalue()).splitlines()]


def test_cells_are_data_and_never_markup_or_lines(capsys: pytest.CaptureFixture[str]) -> None:
    table(("A", "B"), [("[red]x", "1"), ("y\nz", "22")], {"B"})
    assert capsys.readouterr().out.splitlines() == ["A        B", "[red]x   1", "y\\nz    22"]


def test_a_marked_cell_and_a_moment_are_their_text_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    table(("A", "B", "C"), [(Marked("x", "red"), Ago(1_900_000_000_123_456), Ago(None))])
    assert capsys.readouterr().out.splitlines()[1] == "x  2030-03-17T17:46:40Z  -"


def test_a_terminal_tells_how_long_ago_a_moment_was(drawn: Terminal) -> None:
    with contextlib.redirect_stdout(drawn):
        table(("A",), [(Ago(time.time_ns() // 1000 - 125_000_000),), (Ago(None),)])
    assert "2m 5s ago" in drawn.getvalue()


def test_a_wide_terminal_gets_a_row_a_line(drawn: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, row = lines_at(100, drawn, monkeypatch)
    assert row.split("  ")[0] == ID
    assert row.endswith("20 of 20/s, 300 of 1000/h")
    assert "\x1b[32mdone" in drawn.getvalue()


def test_a_narrow_one_is_spared_columns_that_say_nothing(
    drawn: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading, _, row = lines_at(68, drawn, monkeypatch)
    assert heading.split() == ["JOB", "STATE", "RATE"]
    assert row.endswith("20 of 20/s, 300 of 1000/h")


def test_a_narrower_one_breaks_cells_after_commas(drawn: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, first, second = lines_at(56, drawn, monkeypatch)
    assert first.endswith("20 of 20/s,")
    assert second.strip() == "300 of 1000/h"


def test_a_still_narrower_one_breaks_them_between_words(
    drawn: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_at(50, drawn, monkeypatch)
    assert lines[2].startswith(ID)
    assert "1000/h" in "".join(lines)


def test_where_nothing_fits_no_cell_is_cut(drawn: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(ID in line for line in lines_at(30, drawn, monkeypatch))
