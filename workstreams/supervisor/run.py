"""``up`` and ``worker``: the server if it is ours, the processes, and an orderly end."""

from __future__ import annotations

import sys

from workstreams.declare.config import Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.supervisor.echo import Printer
from workstreams.supervisor.generation import Generation, Screen
from workstreams.supervisor.keeper import kept_server
from workstreams.supervisor.orders import Orders
from workstreams.supervisor.reloading import Reloading
from workstreams.supervisor.signals import Signals

__all__ = ["supervise"]


def supervise(
    config: Config, source: ConfigSource, orders: Orders, *, watch: bool = False, screen: Screen | None = None
) -> int:
    """Run worker processes until a signal ends them.

    Parameters:
      config: The config.
      source: Where it came from, so that the processes read the same.
      orders: What to run of it.
      watch: Whether to begin anew with each change of the config or of the code below its folders.
      screen: What owns the screen instead of log lines.

    Returns:
      The exit code.

    Raises:
      ConfigError: When nothing can be worked on, or no process could start.
      RedisUnavailable: When the server cannot be reached.
      RedisUnsuitable: When it cannot hold the promises.
    """
    orders.crews(config)  # Before a server is started for nothing.
    signals = Signals()
    show = Printer(sys.stdout, config.logs.format, config.logs.level, quiet=screen is not None)
    try:
        if watch:
            return Reloading(source, orders, signals, show).run()
        with kept_server(config, show) as served:
            return Generation(config, source, orders, signals, served, show, screen).to_the_end()
    finally:
        show.close()
        signals.close()
