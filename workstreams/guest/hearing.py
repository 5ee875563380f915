"""Hears for all the blocks of this process that wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from workstreams.admit.listener import Listener
from workstreams.store.link import Link

__all__ = ["Hearing"]


class Hearing:
    """One subscription for a process, for as long as somebody there waits.

    Parameters:
      link: Where to subscribe.
      name: What guests of this process are called before their number.
    """

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._name = name
        self._mutex = threading.Lock()
        self._waiting: dict[str, Callable[[], None]] = {}
        self._listener: Listener | None = None

    @contextlib.contextmanager
    def expecting(self, sid: str, wake: Callable[[], None]) -> Iterator[None]:
        """Within this, what is told to a guest is passed on, if anybody listens.

        Parameters:
          sid: The guest.
          wake: Called from another thread whenever it may be worth to ask.
        """
        with self._mutex:
            self._waiting[sid] = wake
        try:
            yield
        finally:
            with self._mutex:
                del self._waiting[sid]
                if self._listener is not None and not self._waiting:
                    self._listener.stop()
                    self._listener = None

    def listen(self) -> None:
        """Be subscribed from soon on. Everybody is woken then: what was told before was not heard."""
        with self._mutex:
            if self._listener is None:
                self._listener = Listener(self._link.listener, self._link.keys, self._name, self._wake)
                # A worker in this process has one of its own.
                self._listener.name = "workstreams-limits-listener"
                self._listener.start()

    def _wake(self, name: str, _: float) -> None:
        with self._mutex:
            wakes = list(self._waiting.values()) if name == "*" else [self._waiting.get(name)]
        for wake in wakes:
            if wake is not None:
                wake()
