"""``workstreams workers``: who lives, runs what, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workstreams.cli.options import ConfigPath, Json, link_to, load
from workstreams.cli.screen import json_lines, note
from workstreams.cli.tables import Ago, table

if TYPE_CHECKING:
    from workstreams.state import WorkerState

__all__ = ["NAME", "command"]

NAME = "workers"


def command(context: typer.Context, json: Json = False, config: ConfigPath = None) -> None:
    """Show the worker processes that are alive."""
    from workstreams.state import read_workers

    found = read_workers(link_to(load(context, config)))
    if json:
        json_lines(worker.record() for worker in found)
    elif found:
        table(("WORKER", "POOL", "SINCE", "RUNNING", "WORKSTREAMS"), map(_row, found), {"RUNNING"})
    else:
        note("no worker is alive: start some with `workstreams up` or `workstreams worker`")


def _row(worker: WorkerState) -> list[object]:
    return [worker.worker, worker.pool, Ago(worker.since), len(worker.jobs), ", ".join(worker.workstreams)]
