"""``up`` and ``worker``: the server if it is ours, the limits, the processes, and an orderly end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from workstreams.admit.sessions import Sessions
from workstreams.declare.config import Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.declare.publishing import publish
from workstreams.errors import ConfigError, Problem, RedisUnsuitable
from workstreams.log.lines import notice
from workstreams.log.ship import Shipper
from workstreams.store.check import server_facts, suitability
from workstreams.store.client import producer_client, redis_errors, worker_client
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.supervisor.echo import Echo, Printer
from workstreams.supervisor.emptiness import Emptiness
from workstreams.supervisor.keeper import kept_server
from workstreams.supervisor.renewal import Renewal
from workstreams.supervisor.scheduling import Scheduling
from workstreams.supervisor.signals import Signals
from workstreams.supervisor.spec import EXIT_KILLED, ORPHAN_END, ChildSpec
from workstreams.supervisor.supervisor import Crew, Supervisor

__all__ = ["Screen", "crews_of", "supervise"]

#: A process without a supervisor was renewed up to a third of the lease ago, and must be gone
#: before the rest is over.
ORPHAN_SHARE = 2 / 3

#: Seconds that the last lines and hand-backs may take to reach Redis, and after a second signal.
LAST_CALL, HASTY_CALL = 5.0, 1.0


class Screen(Protocol):
    """What shows itself instead of log lines; the demo is one."""

    def prepare(self, link: Link) -> None:
        """Called when the server answers, before the first process starts."""
        ...

    def begin(self, ask_to_stop: Callable[[], None]) -> None:
        """Called before the processes start; it may ask for an orderly stop later."""
        ...

    def end(self) -> None:
        """Called when the processes have ended."""
        ...


def crews_of(
    config: Config, pools: tuple[str, ...] | None, only: tuple[str, ...] | None, processes: int | None
) -> tuple[Crew, ...]:
    """Which processes there are to be.

    Parameters:
      config: Declares pools and workstreams.
      pools: Only these pools; None is all.
      only: Only these workstreams; None is all.
      processes: So many in each pool, instead of what the config says.

    Raises:
      ConfigError: When nothing is left to work on.
      UnknownWorkstream: When one of *only* is not declared.
    """
    for name in only or ():
        config.workstream(name)
    crews: list[Crew] = []
    for pool, settings in config.worker.pools.items():
        names = tuple(name for name in config.queues(pool) if only is None or name in only)
        if names and (pools is None or pool in pools):
            crews.append(Crew(pool, names, processes or settings.processes))
    if not crews:
        found = (
            f"pools {', '.join(pools) if pools else 'all'}, workstreams {', '.join(only) if only else 'all'}"
        )
        raise ConfigError(
            [Problem("at least one workstream to work on", found, hint="declare it under workstreams:")]
        )
    return tuple(crews)


def supervise(
    config: Config,
    source: ConfigSource,
    *,
    pools: tuple[str, ...] | None = None,
    only: tuple[str, ...] | None = None,
    processes: int | None = None,
    until_empty: bool = False,
    schedules: bool = False,
    screen: Screen | None = None,
) -> int:
    """Run worker processes until a signal ends them.

    Parameters:
      config: The config.
      source: Where it came from, so that the processes read the same.
      pools: Only these pools.
      only: Only these workstreams.
      processes: Processes in each pool, instead of what the config says.
      until_empty: End when nothing waits, is scheduled or runs.
      schedules: Whether this process fires the schedules as well.
      screen: What owns the screen instead of log lines.

    Returns:
      The exit code.

    Raises:
      ConfigError: When nothing can be worked on, or no process could start.
      RedisUnavailable: When the server cannot be reached.
    """
    crews = crews_of(config, pools, only, processes)
    signals = Signals()
    show = Printer(sys.stdout, config.logs.format, config.logs.level, quiet=screen is not None)
    try:
        with kept_server(config, show) as server:
            run = _Run(config, source, crews, signals, server, show, screen, schedules, until_empty)
            return run.to_the_end()
    finally:
        show.close()
        signals.close()


class _Run:
    """One run of a supervisor with everything around it."""

    def __init__(
        self,
        config: Config,
        source: ConfigSource,
        crews: tuple[Crew, ...],
        signals: Signals,
        server: EmbeddedServer | None,
        show: Printer,
        screen: Screen | None,
        schedules: bool,
        until_empty: bool,
    ) -> None:
        self._config = config
        self._screen = screen
        self._signals = signals
        url = server.url if server else config.redis
        self._link = Link(lambda: url, Keys(config.app))
        self._show = show
        self._check_server()
        with redis_errors(url):
            lost, fresh = (server.lost_epoch, server.epoch) if server else ("", "")
            publish(config, self._link.scripts, lost, fresh)
        self._names = tuple(name for crew in crews for name in crew.workstreams)
        retention = {name: config.workstream(name).keep.logs for name in self._names}
        self._shipper = Shipper(worker_client(url), self._link.keys, retention)
        self._scheduling: Scheduling | None = None
        if schedules:
            self._scheduling = Scheduling(config, source, self._link, self._show, self._keep_line)
        sessions = Sessions(self._link.patient_scripts())
        self._renewal = Renewal(
            sessions,
            config.worker.lease,
            lambda sid: self._supervisor.lose(sid, "its lease was lost"),
            lambda sid, job: self._supervisor.lose(
                sid, f"a job was past its hard bound: {job}", frozenset({job})
            ),
        )
        lease, grace = config.worker.lease / 1_000_000, config.worker.grace / 1_000_000
        spec = ChildSpec(
            source.path,
            dict(source.overrides),
            "",
            (),
            "",
            -1,
            -1,
            grace,
            max(0.0, lease * ORPHAN_SHARE - ORPHAN_END),
        )
        self._emptiness = (
            Emptiness(producer_client(url), self._link.keys, self._names, signals.poke)
            if until_empty
            else None
        )
        self._supervisor = Supervisor(
            config, spec, crews, self._renewal, self._shipper, self._show, signals, self._is_over
        )
        self._echo = Echo(
            self._link.listener, self._link.keys, self._names, self._supervisor.owns, self._show
        )

    def to_the_end(self) -> int:
        self._renewal.start()
        if self._emptiness is not None:
            self._emptiness.start()
        if self._screen is None:
            self._echo.start()
        else:
            self._screen.prepare(self._link)
            self._screen.begin(self._signals.ask)
        try:
            if self._scheduling is not None:
                self._scheduling.start()
            code = self._supervisor.run()
        finally:
            if self._scheduling is not None:
                self._scheduling.stop()
            if self._screen is not None:
                self._screen.end()
            told = self._renewal.stop(self._last_call())
            self._shipper.close(self._last_call())
            self._echo.stop()
            if self._emptiness is not None:
                self._emptiness.stop()
            self._link.close()
        if self._supervisor.failure:
            raise ConfigError.said_by(self._supervisor.failure)
        # What ended could not be told to Redis: it will run again.
        return code if told else code or EXIT_KILLED

    def _last_call(self) -> float:
        """Whoever asked twice for the end is not kept waiting for a server that hangs."""
        return LAST_CALL if self._signals.count < 2 else HASTY_CALL

    def _keep_line(self, line: Mapping[str, Any]) -> None:
        self._shipper.put("", None, line)

    def _check_server(self) -> None:
        with redis_errors(self._link.url):
            errors, warnings = suitability(server_facts(self._link.scripts.client))
        for sentence in warnings:
            self._show(notice("server_unsafe", {"app": self._config.app, "why": sentence}))
        if errors:
            raise RedisUnsuitable(errors[0])

    def _is_over(self) -> bool:
        return self._emptiness is not None and self._emptiness.found
