"""Hears what worker processes write and print, brings it to Redis, and shows it."""

from __future__ import annotations

import contextlib
import selectors
from collections.abc import Callable, Mapping
from typing import Any

from workstreams.log.frames import Frame
from workstreams.log.lines import notice
from workstreams.log.ship import Shipper
from workstreams.supervisor.child import Child
from workstreams.supervisor.signals import Asks

__all__ = ["Reading"]

#: Characters of a printed line that are kept.
LONGEST = 8_000


class Reading:
    """The pipes of all processes of a supervisor.

    Parameters:
      app: Named in lines.
      shipper: Brings lines to Redis.
      show: Prints lines.
      asks: Ends a wait as well.
      hear: Given what a process says of itself.
    """

    def __init__(
        self,
        app: str,
        shipper: Shipper,
        show: Callable[[Mapping[str, Any]], None],
        asks: Asks,
        hear: Callable[[Child, Mapping[str, Any]], None],
    ) -> None:
        self._app = app
        self._shipper = shipper
        self._show = show
        self._asks = asks
        self._hear = hear
        self._select = selectors.DefaultSelector()
        self._select.register(asks.fd, selectors.EVENT_READ, None)

    def begin(self, child: Child) -> None:
        """Listen to a process from now on."""
        self._select.register(child.log_fd, selectors.EVENT_READ, child)
        self._select.register(child.output_fd, selectors.EVENT_READ, child)

    def end(self, child: Child) -> None:
        """Hear the last words of one that is gone, and close its pipes."""
        self.read(child)
        self._forget(child.log_fd)
        self._forget(child.output_fd)
        child.close()

    def wait(self, seconds: float) -> None:
        """Read what there is to be read; return after so many seconds at most."""
        for key, _ in self._select.select(seconds):
            if key.data is None:
                self._asks.clear()
            else:
                self.read(key.data)

    def read(self, child: Child) -> None:
        """Read what one process has written."""
        frames, ended = child.read_frames()
        if ended:
            self._forget(child.log_fd)
        for frame in frames:
            if frame["k"] == "line":
                self._keep(child, frame)
            elif frame["k"] == "status":
                self._hear(child, frame)
        texts, ended = child.read_output()
        if ended:
            self._forget(child.output_fd)
        for text in texts:
            child.tails.put_output(self.say("output", worker=child.name, text=text[:LONGEST]))

    def say(self, event: str, level: str = "info", **fields: Any) -> dict[str, Any]:
        """Write a line of the supervisor's own, and return it."""
        line = notice(event, {"app": self._app, **fields}) | {"level": level}
        self._shipper.put("", None, line)
        self._show(line)
        return line

    def _keep(self, child: Child, frame: Frame) -> None:
        workstream, job, line = frame["ws"], frame["j"], frame["o"]
        self._shipper.put(workstream, job, line)
        self._show(line)
        if job:
            child.tails.put(workstream, job, line)

    def _forget(self, fd: int) -> None:
        """A pipe at its end is always readable: looking at it would never sleep again."""
        with contextlib.suppress(KeyError):
            self._select.unregister(fd)
