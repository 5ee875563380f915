"""``python -m tests.benchmarks``: every system on the same server in the same run, as one table.

Rounds are interleaved, so that a machine that is busy for a while is busy for all; the
median of the rounds is shown, and its ratio to stock Dramatiq's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import redis
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.benchmarks.systems import SYSTEMS
from workstreams.store.embedded import EmbeddedServer

#: Measurement, jobs (or seconds), and which of its figures stand in the table.
ROWS = [
    ("drain", 10_000, "per_second"),
    ("drain", 10_000, "redis_us_per_job"),
    ("send", 3_000, "per_second"),
    ("batch", 20_000, "per_second"),
    ("pickup", 60, "p50_ms"),
    ("pickup", 60, "p95_ms"),
    ("idle", 5, "scripts_per_second"),
]


def measure(name: str, what: str, url: str, number: int) -> dict[str, Any]:
    redis.Redis.from_url(url).flushall()
    command = [sys.executable, "-m", "tests.benchmarks.measure", name, what, url, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name}, {what}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def collect(url: str, rounds: int, only: list[str] | None) -> dict[tuple[str, str, str], list[float]]:
    wanted = sorted({(what, number) for what, number, _ in ROWS if not only or what in only})
    figures: dict[tuple[str, str, str], list[float]] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=rounds * len(wanted) * len(SYSTEMS))
        for _ in range(rounds):
            for what, number in wanted:
                for name in SYSTEMS:
                    for figure, value in measure(name, what, url, number).items():
                        figures.setdefault((name, what, figure), []).append(value)
                    progress.advance(task)
    return figures


def table_of(figures: dict[tuple[str, str, str], list[float]]) -> Table:
    table = Table(title="median, and × stock Dramatiq in the same run")
    table.add_column("measurement")
    for name in SYSTEMS:
        table.add_column(name, justify="right")
    for what, number, figure in ROWS:
        cells = []
        base = statistics.median(figures.get(("dramatiq", what, figure), [0]))
        for name in SYSTEMS:
            values = figures.get((name, what, figure))
            if values is None:
                break
            median = statistics.median(values)
            cells.append(f"{median:g}" + (f"  {median / base:.2f} ×" if base and name != "dramatiq" else ""))
        if cells:
            table.add_row(f"{what} {number} {figure}", *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="drain, send, batch, pickup, idle")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsb") as folder, EmbeddedServer(Path(folder)) as server:
        figures = collect(server.url, options.rounds, options.only)
        Console(width=160).print(table_of(figures))


if __name__ == "__main__":
    main()
