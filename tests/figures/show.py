"""Figures as a table on a terminal, and as one JSON object a line in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO, TypeVar

import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

__all__ = ["Row", "progress", "show"]

Row = Mapping[str, object]

T = TypeVar("T")


def progress(parts: Sequence[T]) -> Iterator[T]:
    """The same parts, with a bar that says how many are done, where somebody looks on."""
    yield from track(parts, "measuring", console=Console(stderr=True), transient=True)


def show(title: str, rows: Sequence[Row], repeat: int = 1, out: TextIO | None = None) -> None:
    """Print rows, whose columns may differ.

    Parameters:
      title: What they measure; the key ``figure`` of each object in a pipe.
      rows: Columns and their values.
      repeat: So many first columns say what a row is of, and are repeated where a table is cut in two.
      out: Where to; the standard output by default.
    """
    out = out or sys.stdout
    if not out.isatty():
        for row in rows:
            out.write(orjson.dumps({"figure": title, **row}).decode() + "\n")
        out.flush()
        return
    console = Console(file=out, highlight=False)
    for columns in _pieces(rows, repeat, console.width):
        console.print(_table(title, rows, columns))


def _pieces(rows: Sequence[Row], repeat: int, width: int) -> Iterator[list[str]]:
    """The columns of tables that are no wider than the terminal."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    first, piece = columns[:repeat], list[str]()
    for column in columns[repeat:]:
        if piece and sum(_width(rows, one) for one in [*first, *piece, column]) >= width:
            yield first + piece
            piece = []
        piece.append(column)
    yield first + piece


def _width(rows: Sequence[Row], column: str) -> int:
    """What it takes with its border; a heading may break between words."""
    return 3 + max(*(len(word) for word in column.split("_")), *(len(_text(row.get(column))) for row in rows))


def _table(title: str, rows: Sequence[Row], columns: Sequence[str]) -> Table:
    table = Table(title=title)
    for column in columns:
        numbers = all(isinstance(row.get(column, 0), int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    return table


def _text(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)
