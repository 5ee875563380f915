"""``workstreams scheduler``: a process that fires schedules and does nothing else."""

from __future__ import annotations

import contextlib
import select
import sys
from collections.abc import Iterator

from workstreams.declare.config import Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.errors import ConfigError, NothingRunsHere, Problem
from workstreams.log.lines import notice
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.supervisor.echo import Printer
from workstreams.supervisor.keeper import Served, kept_server
from workstreams.supervisor.scheduling import Scheduling
from workstreams.supervisor.settling import settle
from workstreams.supervisor.signals import Signals
from workstreams.wait.whereabouts import url_of

__all__ = ["schedule_alone"]


def schedule_alone(config: Config, source: ConfigSource) -> int:
    """Run a scheduler until a signal ends it.

    Parameters:
      config: The config.
      source: Where it came from.

    Returns:
      The exit code.

    Raises:
      ConfigError: When there is no schedule, or one that cannot be fired.
      RedisUnavailable: When the server cannot be reached.
      RedisUnsuitable: When it cannot hold the promises.
    """
    if not config.schedules:
        raise ConfigError(
            [Problem("at least one schedule", "none", "schedules", hint="declare it in config/")]
        )
    signals = Signals()
    show = Printer(sys.stdout, config.logs.format, config.logs.level)
    try:
        with _server(config, show) as served:
            link = Link(lambda: served.url, Keys(config.app))
            settle(config, link, served, show)
            scheduling = Scheduling(config, source, link, show, tells_fired=True)
            scheduling.start()
            show(notice("scheduler_started", {"app": config.app}) | {"level": "info"})
            try:
                while not signals.count:
                    select.select([signals.fd], [], [])
            finally:
                scheduling.stop()
                link.close()
    finally:
        show.close()
        signals.close()
    return 0


@contextlib.contextmanager
def _server(config: Config, show: Printer) -> Iterator[Served]:
    """The server; an embedded one is ours to keep only where nobody else owns it already."""
    try:
        url = url_of(config)
    except NothingRunsHere:
        with kept_server(config, show) as served:
            yield served
    else:
        yield Served(url)
