"""``workstreams scheduler``: fires the schedules; any number may run."""

from __future__ import annotations

import typer

from workstreams.cli.options import ConfigPath, source_of

__all__ = ["NAME", "command"]

NAME = "scheduler"


def command(context: typer.Context, config: ConfigPath = None) -> None:
    """Fire the schedules, without workers.

    Any number may run beside each other and beside `up`: each tick is sent once. Ctrl-C ends it.
    """
    source = source_of(context, config)
    declared = source.load()
    from workstreams.supervisor.lone_scheduler import schedule_alone

    raise typer.Exit(schedule_alone(declared, source))
