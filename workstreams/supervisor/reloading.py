"""``--watch``: a new generation of workers for each change of the user's files.

The old one serves until the new one does, so that a mistake interrupts nothing; it then asks for
no more work and ends when what it runs has ended, so that nothing runs twice.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from workstreams.declare.config import EMBEDDED, Config
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.declare.config.sources import find_sources
from workstreams.errors import ConfigError, WorkstreamsError
from workstreams.log.lines import notice
from workstreams.supervisor.changes import Changes
from workstreams.supervisor.echo import Printer
from workstreams.supervisor.generation import Generation
from workstreams.supervisor.keeper import Served, kept_server
from workstreams.supervisor.life import Life
from workstreams.supervisor.orders import Orders
from workstreams.supervisor.signals import Asks, Signals

__all__ = ["Reloading"]

#: Seconds between two looks at the generations.
TICK = 0.1

#: Files that are named when many have changed.
_NAMED = 3


class Reloading:
    """Keeps workers of what stands in the files now.

    Parameters:
      source: Where the config is.
      orders: What to run of it.
      signals: What asks for the end.
      show: Prints lines.
    """

    def __init__(self, source: ConfigSource, orders: Orders, signals: Signals, show: Printer) -> None:
        self._source = source
        self._orders = orders
        self._signals = signals
        self._show = show
        self._app = ""
        self._servers = contextlib.ExitStack()
        self._served: dict[Path, Served] = {}
        self._changes = Changes((), self._config_files, signals.poke)
        self._front: Life | None = None
        self._next: Life | None = None
        self._retired: list[Life] = []
        self._files, self._began = "", 0.0
        self._untold = False

    def run(self) -> int:
        """Run until a signal.

        Returns:
          The exit code.

        Raises:
          ConfigError: When the config cannot be used at the start.
          RedisUnavailable: When the server cannot be reached then.
          RedisUnsuitable: When it cannot hold the promises.
        """
        with self._servers:
            try:
                self._begin()
                self._changes.start()
                while not self._signals.count:
                    self._look()
                    select.select([self._signals.fd], [], [], TICK)
                    self._signals.clear()
            finally:
                self._changes.stop()
                code = self._end()
        return code

    def _look(self) -> None:
        if self._next is not None and self._next.works:
            self._take_over(self._next)
        self._bury()
        if self._untold and all(life.is_settled for life in self._retired):
            self._untold = False
            took = round((time.monotonic() - self._began) * 1000)
            self._say("reloaded", "info", files=self._files, duration_ms=took)
        changed = self._changes.take()
        if changed:
            self._reload(changed)

    # A new one begins.

    def _reload(self, changed: Sequence[Path]) -> None:
        self._files, self._began = _named(changed), time.monotonic()
        self._say("reloading", "info", files=self._files)
        try:
            self._begin()
        except WorkstreamsError as error:
            self._refuse(error)

    def _begin(self) -> None:
        config = self._source.load()
        self._app = config.app
        self._show.adopt(config.logs.format, config.logs.level)
        # Before a process reads any of the code: what changes from here on is a change.
        self._changes.look_in(config.path)
        served = self._server_of(config)

        def make(asks: Asks) -> Generation:
            return Generation(config, self._source, self._orders, asks, served, self._show)

        if self._next is not None:
            self._retire(self._next)
        self._next = Life(make, self._signals.poke)
        self._next.start()
        if self._front is None:
            self._next.take_over()
            self._say("watching", "info", folders=_named(config.path))

    def _server_of(self, config: Config) -> Served:
        if config.redis != EMBEDDED:
            return Served(config.redis)
        known = self._served.get(config.state_dir)
        if known is not None:
            return known
        served = self._servers.enter_context(kept_server(config, self._show))
        # That data was lost is told once: strict limits would count another window as used.
        self._served[config.state_dir] = Served(served.url, epoch=served.epoch)
        return served

    # It takes over, or it cannot.

    def _take_over(self, life: Life) -> None:
        if self._front is not None:
            self._retire(self._front)
            self._untold = True
        self._front, self._next = life, None
        life.take_over()

    def _retire(self, life: Life) -> None:
        life.retire()
        self._retired.append(life)

    def _bury(self) -> None:
        for life in self._lives():
            if life.is_alive():
                continue
            if life.error is not None and not isinstance(life.error, WorkstreamsError):
                raise life.error
            if life is self._next:
                self._next = None
                self._lose(life.error)
        self._retired = [life for life in self._retired if life.is_alive()]

    def _lose(self, error: WorkstreamsError | None) -> None:
        if error is not None and self._front is None and not isinstance(error, ConfigError):
            # A server that cannot be used is nothing that a change of a file would mend.
            raise error
        if error is not None:
            self._refuse(error)

    def _refuse(self, error: WorkstreamsError) -> None:
        serving = self._front is not None
        hint = "the workers go on as they were" if serving else "the next change of a file is tried"
        for why in str(error).splitlines():
            self._say("reload_failed" if serving else "start_failed", "error", why=why, hint=hint)

    # The end.

    def _end(self) -> int:
        """Pass on what the signals say until every generation has ended."""
        # One that is not made yet has no process, and may take long.
        living = [life for life in self._lives() if life.is_made]
        while any(life.is_alive() for life in living):
            for life in living:
                life.asks.ask(max(self._signals.count, 1))
            select.select([self._signals.fd], [], [], TICK)
            self._signals.clear()
        return max((life.code for life in living), default=0)

    def _lives(self) -> list[Life]:
        return [life for life in (self._front, self._next, *self._retired) if life is not None]

    def _say(self, event: str, level: str, **fields: Any) -> None:
        self._show(notice(event, {"app": self._app, **fields}) | {"level": level})

    def _config_files(self) -> Iterable[Path]:
        try:
            return find_sources(self._source.path, os.environ).files
        except ConfigError:
            return ()


def _named(files: Sequence[Path]) -> str:
    """Some of the files, as they are called from here."""
    here = Path.cwd()
    names = [str(file.relative_to(here)) if file.is_relative_to(here) else str(file) for file in files]
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])
