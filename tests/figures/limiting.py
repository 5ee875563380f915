"""The command ``limits``: every shape with every number of processes, and Dramatiq's limiters beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.figures.limits import measure, row_of
from tests.figures.project import a_server
from tests.figures.shapes import SHAPES, Shape
from tests.figures.show import Row, progress, show
from tests.figures.stock import measure_stock

__all__ = ["options", "run"]


def options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--only", nargs="*", metavar="SHAPE", help="such as '50/s burst 1'")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (10)")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 8], help="of workers (1 2 8)")
    parser.add_argument("--no-stock", action="store_true", help="without stock Dramatiq")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and show; returns what was broken."""
    known = [shape.name for shape in SHAPES]
    if unknown := set(options.only or ()) - set(known):
        raise SystemExit(f"expected shapes of {', '.join(known)}, found {', '.join(sorted(unknown))}")
    broken: list[str] = []
    shapes = [shape for shape in SHAPES if not options.only or shape.name in options.only]
    with a_server() as url:
        runs = [(shape, processes) for shape in shapes for processes in options.processes]
        rows = [row for one in progress(runs) for row in _limit(url, *one, options, broken)]
    show("limits", rows, repeat=3)
    return broken


def _limit(
    url: str, shape: Shape, processes: int, options: argparse.Namespace, broken: list[str]
) -> Iterator[Row]:
    found = measure(url, shape, processes, options.seconds)
    broken += [f"{shape.name}, {processes} processes: {one}" for one in found.broken()]
    yield row_of(shape, processes, found)
    for limiter in () if options.no_stock else shape.stock:
        yield measure_stock(url, shape, limiter, processes, options.seconds)
