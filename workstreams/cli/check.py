"""``workstreams check``: whether config, actors and server fit together; starts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workstreams.cli.checking import Findings, Planned, examine, problem_records, rates_of
from workstreams.cli.failures import exit_code_of, tell
from workstreams.cli.options import ConfigPath, Json, load
from workstreams.cli.screen import counted, json_lines, note, say, shown
from workstreams.cli.tables import table
from workstreams.errors import ConfigError

if TYPE_CHECKING:
    from workstreams.declare.config import Workstream

__all__ = ["NAME", "command"]

NAME = "check"

_COLUMNS = ("WORKSTREAM", "RATE", "CONCURRENCY", "WITHIN", "THREADS", "POOL", "ACTORS")
_SCHEDULES = ("SCHEDULE", "WHEN", "ACTOR", "STREAM", "NEXT")


def command(context: typer.Context, json: Json = False, config: ConfigPath = None) -> None:
    """Check that config, actors and server fit together.

    Tells everything that is wrong at once; starts nothing.
    """
    try:
        found = examine(load(context, config))
    except ConfigError as error:
        if json:
            json_lines(problem_records((error,)))
        raise
    if json:
        json_lines(found.records())
        json_lines(problem_records(found.failures))
    else:
        _show(found)
    for warning in found.warnings:
        note(f"warning: {warning}")
    for failure in found.failures:
        tell(failure)
    if found.failures:
        raise typer.Exit(min(map(exit_code_of, found.failures)))
    if not json:
        say(_verdict(found))


def _show(found: Findings) -> None:
    rows = [_row(one, found.actors.get(one.name, [])) for one in found.config.workstreams.values()]
    table(_COLUMNS, rows)
    if found.schedules:
        table(_SCHEDULES, map(_plan, found.schedules))
    if found.server:
        say(f"server: {shown(found.server)}")


def _verdict(found: Findings) -> str:
    counts = [
        counted(len(found.config.workstreams), "workstream"),
        counted(sum(map(len, found.actors.values())), "actor"),
    ]
    if found.schedules:
        counts.append(counted(len(found.schedules), "schedule"))
    return f"all is well: {', '.join(counts)}"


def _row(workstream: Workstream, actors: list[str]) -> list[object]:
    return [
        workstream.name,
        rates_of(workstream) or "-",
        "-" if workstream.concurrency is None else workstream.concurrency,
        ", ".join(workstream.within) or "-",
        workstream.threads,
        workstream.pool,
        ", ".join(actors) or "-",
    ]


def _plan(plan: Planned) -> list[object]:
    fires = ", ".join(plan.fires) if plan.enabled else "- (enabled: false)"
    return [plan.name, plan.when, plan.actor, plan.workstream or "-", fires]
