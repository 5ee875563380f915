"""Rows under headings: drawn on a terminal, plain aligned lines in a pipe."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from workstreams.cli.screen import Marked, say, shown, span, wants_colour

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Ago", "table"]


#: Where the cells of a table may be broken.
_NOWHERE, _AFTER_COMMAS, _ANYWHERE = "nowhere", "after commas", "anywhere"

#: What a cell holds that says nothing.
_NOTHING = frozenset({"-", "0"})


@dataclasses.dataclass(frozen=True, slots=True)
class Ago:
    """A cell with a moment: how long ago it was on a terminal, the moment itself in a pipe.

    Attributes:
      at: µs since 1970; None for a moment that is not known.
    """

    at: int | None

    def __str__(self) -> str:
        from workstreams.state.decoding import stamp_or_none

        return "-" if self.at is None else (stamp_or_none(self.at) or "")[:19] + "Z"

    def told(self) -> str:
        """As a person says it."""
        # The host's clock may be behind Redis's.
        return "-" if self.at is None else f"{span(max(0, time.time_ns() // 1000 - self.at))} ago"


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Iterable[str] = (),
    optional: Iterable[str] = (),
) -> None:
    """Print rows under headings.

    Parameters:
      columns: The headings.
      rows: Their cells.
      right: Headings of the columns that are aligned to the right.
      optional: Headings of columns that a narrow terminal is spared where they say nothing in any row.
    """
    listed = [list(row) for row in rows]
    if sys.stdout.isatty() and _draw(columns, listed, set(right), set(optional)):
        return
    cells = [[shown(cell) for cell in row] for row in listed]
    widths = [max(len(row[n]) for row in [columns, *cells]) for n in range(len(columns))]
    for row in [columns, *cells]:
        padded = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        say("  ".join(padded).rstrip())


def _draw(
    columns: Sequence[str], rows: Sequence[Sequence[object]], right: set[str], optional: set[str]
) -> bool:
    """Draw a table as wide as may be; False if the terminal is too narrow for any."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(no_color=not wants_colour(sys.stdout), highlight=False)
    told = [
        place
        for place, column in enumerate(columns)
        if column not in optional or any(str(row[place]) not in _NOTHING for row in rows)
    ]
    everything = list(range(len(columns)))
    for kept, gap, broken in (
        *((everything, 1, _NOWHERE), (everything, 0, _NOWHERE), (told, 0, _NOWHERE)),
        *((told, 0, _AFTER_COMMAS), (told, 0, _ANYWHERE)),
    ):
        cells = [[row[n] for n in kept] for row in rows]
        made = _made([columns[n] for n in kept], cells, right, gap, broken)
        size = Measurement.get(console, console.options.update(width=10_000), made)
        if (size.minimum if broken == _ANYWHERE else size.maximum) <= console.width:
            console.print(made)
            return True
    return False


def _made(
    columns: Sequence[str], rows: Sequence[Sequence[object]], right: set[str], gap: int, broken: str
) -> Table:
    """A table whose cells are broken nowhere, after commas or between words."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, gap, 0, gap)
    )
    for place, column in enumerate(columns):
        # Between words, where there are some, and never within one.
        words = broken == _ANYWHERE and any(" " in _text(row[place], broken) for row in rows)
        side: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(column, justify=side, no_wrap=not words, overflow="fold")
    for row in rows:
        # Never markup: a key called [red] is data.
        cells = ((_text(cell, broken), cell.colour if isinstance(cell, Marked) else "") for cell in row)
        made.add_row(*(Text(text, style) for text, style in cells))
    return made


def _text(cell: object, broken: str) -> str:
    text = shown(cell.told() if isinstance(cell, Ago) else cell)
    return text.replace(", ", ",\n") if broken == _AFTER_COMMAS else text
