"""Hosts a scheduler in a process that has more to do, or that does nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from workstreams.declare.config import Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.errors import ConfigError
from workstreams.log.lines import notice
from workstreams.schedule.checking import check_schedules, workstreams_of
from workstreams.schedule.scheduler import Scheduler
from workstreams.store.link import Link
from workstreams.supervisor.actors import actors_of

__all__ = ["Scheduling"]

Show = Callable[[Mapping[str, Any]], None]


class Scheduling:
    """The scheduler of this process; nothing at all where the config has no schedules.

    Parameters:
      config: The config.
      source: Where it came from, should the actors have to be asked for their workstreams.
      link: Where Redis is.
      show: Prints a line.
      ship: Brings a line to the app's own stream.
      tells_fired: Whether ticks that fired are printed here; where something else follows the
        events of the workstreams, they would be printed twice.

    Raises:
      ConfigError: When a schedule names no workstream and its actor is not declared.
    """

    def __init__(
        self,
        config: Config,
        source: ConfigSource,
        link: Link,
        show: Show,
        ship: Show | None = None,
        *,
        tells_fired: bool = False,
    ) -> None:
        self._app, self._show, self._ship, self._tells_fired = config.app, show, ship, tells_fired
        self._scheduler: Scheduler | None = None
        if config.schedules:
            # Its own words are not for the user: what they say is told by our events.
            logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
            self._scheduler = Scheduler(config, _workstreams(config, source), link, self._notify)

    def start(self) -> None:
        """Begin to fire.

        Raises:
          RedisUnavailable: When Redis cannot be asked.
        """
        if self._scheduler is not None:
            self._scheduler.start()

    def stop(self) -> None:
        """Fire nothing more; returns when what is under way has ended."""
        if self._scheduler is not None:
            self._scheduler.stop()

    def _notify(self, event: str, level: str, **fields: Any) -> None:
        line = notice(event, {"app": self._app, **fields}) | {"level": level}
        if event != "fired":
            # That one is written by the script.
            self._show(line)
            if self._ship is not None:
                self._ship(line)
        elif self._tells_fired:
            self._show(line)


def _workstreams(config: Config, source: ConfigSource) -> dict[str, str]:
    known = workstreams_of(config, {})
    if len(known) == len(config.schedules):
        return known
    actors = actors_of(source)
    known = workstreams_of(config, actors)
    problems = [
        problem
        for problem in check_schedules(config, actors)
        if problem.path.split(".", 1)[1].removesuffix(".actor") not in known
    ]
    if problems:
        raise ConfigError(problems)
    return known
