"""Draws the demo: a live table on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workstreams.demo.arrivals import Counts
from workstreams.demo.rows import Row

__all__ = ["View", "as_line", "as_table", "show"]

#: Seconds between two drawings of the table, and between two lines.
_DRAW, _LINE = 0.25, 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What is shown at one moment.

    Attributes:
      rows: The workstreams.
      counts: What arrived at the receiver.
      url: Where the receiver listens.
      note: What is going on, in a sentence.
      wrong: Whether the note tells of something that does not work.
    """

    rows: Sequence[Row]
    counts: Counts
    url: str
    note: str
    wrong: bool = False


def as_table(view: View) -> Group:
    """The moment as tables for a terminal."""
    counts = view.counts
    receiver = Table(title=f"The receiver, at its own clock: {view.url}", title_justify="left")
    for name in ("arrivals/s", "worst second", "allowed", "arrived", "refused"):
        receiver.add_column(name, justify="right")
    refused = Text(str(counts.refused), "bold red" if counts.refused else "bold green")
    worst = Text(str(counts.worst_second), "bold red" if counts.worst_second > counts.allowed else "bold")
    last = Text(str(counts.last_second), "bold")
    receiver.add_row(last, worst, f"{counts.allowed}/s", str(counts.arrived), refused)
    note = Text(view.note, "yellow" if view.wrong else "")
    return Group(_streams(view.rows), receiver, note)


def _streams(rows: Sequence[Row]) -> Table:
    table = Table(title="Workstreams", title_justify="left")
    table.add_column("stream", style="cyan")
    table.add_column("limit")
    for name in ("waiting", "scheduled", "running", "done", "dead"):
        table.add_column(name, justify="right")
    for row in rows:
        numbers = (row.waiting, row.scheduled, row.running, row.done, row.dead)
        table.add_row(row.name, row.limit, *map(str, numbers))
    return table


def as_line(view: View, now: datetime) -> str:
    """The moment as one line without colour."""
    parts = [f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} demo"]
    for row in view.rows:
        dead = f" dead {row.dead}" if row.dead else ""
        numbers = f"waiting {row.waiting} running {row.running} done {row.done}{dead}"
        parts.append(f"{row.name} ({row.limit}): {numbers}")
    counts = view.counts
    worst = f"worst second {counts.worst_second} of {counts.allowed}"
    parts.append(f"receiver: {counts.last_second} arrivals/s, {worst}, refused {counts.refused}")
    return " | ".join(parts)


def show(
    look: Callable[[], View],
    stop: threading.Event,
    stream: TextIO,
    environ: Mapping[str, str],
    hints: Sequence[str] = (),
) -> None:
    """Draw until told to stop, or until nobody reads any longer.

    Parameters:
      look: Returns what is to be shown now.
      stop: Ends it.
      stream: Where to; a table if it is a terminal.
      environ: ``NO_COLOR`` and ``TERM`` are honoured.
      hints: Lines that a terminal is shown once, above the table, to be copied.
    """
    console = Console(file=stream, no_color=bool(environ.get("NO_COLOR")))
    try:
        if stream.isatty() and not console.is_dumb_terminal:
            _draw(look, stop, console, hints)
        else:
            _write(look, stop, stream)
    except BrokenPipeError:
        return


def _draw(look: Callable[[], View], stop: threading.Event, console: Console, hints: Sequence[str]) -> None:
    for hint in hints:
        console.print(Text(hint, "dim"), soft_wrap=True)
    with Live(as_table(look()), console=console, auto_refresh=False) as live:
        while not stop.wait(_DRAW):
            live.update(as_table(look()), refresh=True)
        live.update(as_table(look()), refresh=True)


def _write(look: Callable[[], View], stop: threading.Event, stream: TextIO) -> None:
    stopped, told = False, ""
    while not stopped:
        view = look()
        note = f"{view.note}\n" if view.note not in ("", told) else ""
        stream.write(f"{as_line(view, datetime.now(UTC))}\n{note}")
        stream.flush()
        told = view.note
        stopped = stop.wait(_LINE)
