"""One supervisor with everything around it: it reads one config, and its processes one state of the code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from workstreams.admit.sessions import Sessions
from workstreams.declare.config import Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.errors import ConfigError
from workstreams.log.ship import Shipper
from workstreams.store.client import lease_client, producer_client, worker_client
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.store.scripts import Scripts
from workstreams.supervisor.echo import Echo, Printer
from workstreams.supervisor.emptiness import Emptiness
from workstreams.supervisor.keeper import Served
from workstreams.supervisor.orders import Orders
from workstreams.supervisor.renewal import Renewal
from workstreams.supervisor.scheduling import Scheduling
from workstreams.supervisor.settling import settle
from workstreams.supervisor.signals import Asks
from workstreams.supervisor.spec import EXIT_KILLED, ORPHAN_END, ChildSpec
from workstreams.supervisor.supervisor import Supervisor

__all__ = ["Generation", "Screen"]

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


class Generation:
    """Worker processes from their start to their end.

    Parameters:
      config: The config.
      source: Where it came from, so that the processes read the same.
      orders: What to run of it.
      asks: What asks for the end.
      served: The server.
      show: Prints lines; stays open.
      screen: What owns the screen instead of log lines.

    Attributes:
      in_front: Whether it prints the events that belong to nobody's process; of several
        generations that run beside each other, one does.

    Raises:
      ConfigError: When nothing can be worked on.
      RedisUnavailable: When the server cannot be reached.
      RedisUnsuitable: When it cannot hold the promises.
    """

    def __init__(
        self,
        config: Config,
        source: ConfigSource,
        orders: Orders,
        asks: Asks,
        served: Served,
        show: Printer,
        screen: Screen | None = None,
    ) -> None:
        crews = orders.crews(config)
        self._config = config
        self._screen = screen
        self._asks = asks
        self._show = show
        self.in_front = True
        self._mutex = threading.Lock()
        self._retired = False
        self._link = Link(lambda: served.url, Keys(config.app))
        unsafe = settle(config, self._link, served, show)
        self._scheduling: Scheduling | None = None
        if orders.schedules:
            self._scheduling = Scheduling(config, source, self._link, show, self._keep_line)
        names = tuple(name for crew in crews for name in crew.workstreams)
        retention = {name: config.workstream(name).keep.logs for name in names}
        self._shipper = Shipper(worker_client(served.url), self._link.keys, retention)
        for line in unsafe:
            # Whoever starts it does not always look, and what reads its output may show errors only.
            self._keep_line(line)
        self._renewal = Renewal(
            Sessions(Scripts(lease_client(served.url, config.worker.lease), self._link.keys)),
            config.worker.lease,
            lambda sid: self._supervisor.lose(sid),
            lambda sid, job: self._supervisor.overrun(sid, job),
        )
        self._emptiness: Emptiness | None = None
        if orders.until_empty:
            self._emptiness = Emptiness(producer_client(served.url), self._link.keys, names, asks.poke)
        self._supervisor = Supervisor(
            *(config, _spec(config, source), crews, self._renewal, self._shipper, show, asks, self._is_over)
        )
        self._echo = Echo(self._link.listener, self._link.keys, names, self._prints_of, show)

    @property
    def works(self) -> bool:
        """Whether one of its processes has said that it works."""
        return self._supervisor.worked

    @property
    def is_settled(self) -> bool:
        """Whether none of its processes asks for work any longer."""
        return self._supervisor.is_settled

    def retire(self) -> None:
        """Make way for the next one: start nothing, and end when what runs has ended, whenever that is."""
        self.in_front = False
        self._supervisor.retire()
        with self._mutex:
            self._retired = True
            if self._scheduling is not None:
                self._scheduling.stop()

    def to_the_end(self) -> int:
        """Run until somebody asks for the end, or nothing is left to do.

        Returns:
          The exit code.

        Raises:
          ConfigError: When no process could start.
        """
        self._renewal.start()
        if self._emptiness is not None:
            self._emptiness.start()
        if self._screen is None:
            self._echo.start()
        else:
            self._screen.prepare(self._link)
            self._screen.begin(self._asks.ask)
        try:
            self._begin_to_fire()
            code = self._supervisor.run()
        finally:
            told = self._end()
        if self._supervisor.failure:
            raise ConfigError.said_by(self._supervisor.failure)
        # What ended could not be told to Redis: it will run again.
        return code if told else code or EXIT_KILLED

    def _begin_to_fire(self) -> None:
        with self._mutex:
            if self._scheduling is not None and not self._retired:
                self._scheduling.start()

    def _end(self) -> bool:
        """End what is around the supervisor, and return whether Redis knows of every end."""
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
        return told

    def _last_call(self) -> float:
        """Whoever asked twice for the end is not kept waiting for a server that hangs."""
        return LAST_CALL if self._asks.count < 2 else HASTY_CALL

    def _prints_of(self, worker: str) -> bool:
        return self._supervisor.owns(worker) if worker else self.in_front

    def _is_over(self) -> bool:
        return self._emptiness is not None and self._emptiness.found

    def _keep_line(self, line: Mapping[str, Any]) -> None:
        self._shipper.put("", None, line)


def _spec(config: Config, source: ConfigSource) -> ChildSpec:
    """The orders of every process, but for what differs from one to the next."""
    lease, grace = config.worker.lease / 1_000_000, config.worker.grace / 1_000_000
    orphan_grace = max(0.0, lease * ORPHAN_SHARE - ORPHAN_END)
    return ChildSpec(source.path, dict(source.overrides), "", (), "", -1, -1, grace, orphan_grace)
