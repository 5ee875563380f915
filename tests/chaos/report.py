"""What a session comes to: the table, what broke a promise, and the history of whom shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.checker import judge, story_of
from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.history import History
from tests.chaos.rows import Row, rows_of

__all__ = ["report"]

#: How many of the broken promises are told, and of how many the job's history is.
TOLD, STORIES = 40, 5


def report(folder: Path, console: Console) -> bool:
    """Judge the history in a folder, and print what was seen.

    Returns:
      Whether all is well.
    """
    evidence = Evidence(History.load(folder))
    broken = judge(evidence)
    rows = rows_of(evidence, broken)
    settings = evidence.history.settings
    console.print(_table(rows, f"{settings.seconds:g} s, seed {settings.seed}"))
    _tell(evidence, broken, console)
    return not broken and all(row.fine is not False for row in rows)


def _table(rows: Sequence[Row], title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for row in rows:
        table.add_row(row.name, row.seen, _mark(row))
    return table


def _mark(row: Row) -> str:
    if row.fine is None:
        return ""
    good, bad = ("enough", "too little") if row.promise == "share" else ("kept", f"{row.promise} BROKEN")
    return f"[green]{good}[/]" if row.fine else f"[bold red]{bad}[/]"


def _tell(evidence: Evidence, broken: Sequence[Broken], console: Console) -> None:
    for one in broken[:TOLD]:
        console.print(f"[bold red]{one.promise}[/] {one.job}: {one.what}", soft_wrap=True)
    if len(broken) > TOLD:
        console.print(f"… and {len(broken) - TOLD} more")
    for job in list(dict.fromkeys(one.job for one in broken if one.job))[:STORIES]:
        console.print(f"\nhistory of {job}")
        for line in story_of(evidence, job):
            console.print("  " + line, markup=False, soft_wrap=True)
