"""The embedded server of a supervisor or a scheduler, and the thread that keeps it up.

A server that starts slowly, or hangs, must not keep whoever needs it from answering a signal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workstreams.declare.config import EMBEDDED, Config
from workstreams.log.lines import notice
from workstreams.store.embedded import EmbeddedServer

__all__ = ["Keeper", "Served", "kept_server"]

#: Seconds between two looks at the server's process.
TICK = 0.2

#: Seconds between attempts to start a server that does not come up.
START_PAUSE = 2.0

Show = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """A server to work with.

    Attributes:
      url: Where it is.
      lost_epoch: The epoch of data that was gone when it started, "" when none was.
      epoch: The name of its data set, "" where Redis is to choose it.
    """

    url: str
    lost_epoch: str = ""
    epoch: str = ""


class Keeper(threading.Thread):
    """Starts the embedded server again when it died; while it cannot be, goes on trying.

    Parameters:
      server: The server, which was started.
      app: Named in notices.
      show: Prints a line.
    """

    def __init__(self, server: EmbeddedServer, app: str, show: Show) -> None:
        super().__init__(name="workstreams-keeper", daemon=True)
        self._server = server
        self._app = app
        self._show = show
        self._stopped = threading.Event()

    def run(self) -> None:
        pause = TICK
        while not self._stopped.wait(pause):
            pause = self._look()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._stopped.set()

    def _look(self) -> float:
        """Start it if need be, and return the seconds until the next look."""
        try:
            restarted = self._server.ensure_running()
        except Exception as error:
            # Whatever it is: without this thread the server would stay down for good.
            self._show(notice("server_not_restarted", {"app": self._app, "why": str(error)}))
            return START_PAUSE
        if restarted:
            self._show(notice("server_restarted", {"app": self._app}))
        return TICK


@contextlib.contextmanager
def kept_server(config: Config, show: Show) -> Iterator[Served]:
    """The server of a config while the block runs: an embedded one is started, and kept up.

    Parameters:
      config: Says which server.
      show: Prints a line when it had to be started again.

    Raises:
      RedisUnavailable: When an embedded one does not start.
    """
    if config.redis != EMBEDDED:
        yield Served(config.redis)
        return
    with EmbeddedServer(config.state_dir) as server:
        keeper = Keeper(server, config.app, show)
        keeper.start()
        try:
            yield Served(server.url, server.lost_epoch, server.epoch)
        finally:
            keeper.stop()
