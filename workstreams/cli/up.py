"""``workstreams up``: everything in one command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, flag, source_of
from workstreams.cli.worker import Watch

if TYPE_CHECKING:
    from workstreams.declare.config.source_spec import ConfigSource

__all__ = ["NAME", "command"]

NAME = "up"

Demo = Annotated[bool, flag("--demo", help="Run the demo that comes with the package, on its own config.")]


def command(
    context: typer.Context, demo: Demo = False, watch: Watch = False, config: ConfigPath = None
) -> None:
    """Run the server and all workers here.

    The server is embedded unless redis: in the config says else.
    Ctrl-C drains and stops; once more stops at once.
    """
    if demo and config is not None:
        raise misuse("--config", "none beside --demo, which has its own", config)
    if demo and watch:
        raise misuse("--watch", "it without --demo, whose files are the package's", "both", typed=False)
    source = _demo_source() if demo else source_of(context, config)
    declared = source.load()
    from workstreams.supervisor.orders import Orders
    from workstreams.supervisor.run import supervise

    orders = Orders(schedules=True)
    if not demo:
        raise typer.Exit(supervise(declared, source, orders, watch=watch))
    from workstreams.supervisor.demonstration import DemoScreen

    raise typer.Exit(supervise(declared, source, orders, screen=DemoScreen(declared)))


def _demo_source() -> ConfigSource:
    from workstreams.declare.config.source_spec import ConfigSource
    from workstreams.demo.settings import demo_config

    path, overrides = demo_config(Path.cwd(), os.environ)
    return ConfigSource(str(path), overrides)
