"""What a command writes: tables and colours on a terminal, plain aligned lines in a pipe, JSON if asked."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "Marked",
    "ReaderGone",
    "counted",
    "fields",
    "json_lines",
    "note",
    "say",
    "shown",
    "span",
    "table",
    "wants_colour",
]

_SECOND = 1_000_000

_CODES = {"red": "31", "yellow": "33", "green": "32", "cyan": "36", "dim": "2"}


class ReaderGone(Exception):
    """Nobody reads the pipe any longer. Not an OSError, which the command's parser would take as its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class Marked:
    """A cell or a value that a terminal shows in a colour: red, yellow, green, cyan or dim."""

    value: object
    colour: str

    def __str__(self) -> str:
        return str(self.value)


def shown(text: object) -> str:
    """Text that cannot move the cursor, change colours or turn the direction of writing."""
    found = str(text)
    if found.isprintable():
        return found
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in found
    )


def span(microseconds: int) -> str:
    """A length of time for people: its two largest units."""
    seconds = microseconds / _SECOND
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below}{smaller}"
    return f"{whole}s"


def counted(number: int, thing: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def wants_colour(stream: TextIO) -> bool:
    """Whether colours are welcome: on a terminal, unless NO_COLOR or a dumb one says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line to stdout, or to another stream, at once: whoever reads a pipe waits for it."""
    stream = sys.stdout if stream is None else stream
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    say(shown(text), sys.stderr)


def json_lines(records: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    from workstreams.log.render import json_line

    for record in records:
        say(json_line(record))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> None:
    """Print rows under headings.

    Parameters:
      columns: The headings.
      rows: Their cells.
      right: Headings of the columns that are aligned to the right.
    """
    listed = [list(row) for row in rows]
    numeric = [column in right for column in columns]
    if sys.stdout.isatty():
        _rich_table(columns, listed, numeric)
        return
    cells = [[shown(cell) for cell in row] for row in listed]
    widths = [max(len(row[n]) for row in [columns, *cells]) for n in range(len(columns))]
    for row in [columns, *cells]:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, numeric, strict=True)
        ]
        say("  ".join(padded).rstrip())


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; a value of several lines is indented below its name."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    dim, plain = ("\x1b[2m", "\x1b[0m") if wants_colour(sys.stdout) else ("", "")
    for name, value in listed:
        first, *rest = str(value).splitlines() or [""]
        say(f"{dim}{name.ljust(width)}{plain}  {_painted(shown(first), value)}".rstrip())
        for line in rest:
            say(f"{' ' * width}  {shown(line)}".rstrip())


def _painted(text: str, value: object) -> str:
    if not isinstance(value, Marked) or not wants_colour(sys.stdout):
        return text
    return f"\x1b[{_CODES[value.colour]}m{text}\x1b[0m"


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[object]], numeric: Sequence[bool]) -> None:
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(no_color=not wants_colour(sys.stdout), highlight=False)
    made = _made_table(columns, cells, numeric, gap=1)
    if Measurement.get(console, console.options.update(width=10_000), made).maximum > console.width:
        made = _made_table(columns, cells, numeric, gap=0)
    console.print(made)


def _made_table(
    columns: Sequence[str], cells: Sequence[Sequence[object]], numeric: Sequence[bool], gap: int
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, gap, 0, gap)
    )
    for column, to_right in zip(columns, numeric, strict=True):
        # Only cells of several words may be broken, and only between them.
        words = any(" " in str(row[len(made.columns)]) for row in cells)
        made.add_column(column, justify="right" if to_right else "left", no_wrap=not words, overflow="fold")
    for row in cells:
        # Never markup: a key called [red] is data.
        made.add_row(*(Text(shown(cell), cell.colour if isinstance(cell, Marked) else "") for cell in row))
    return made
