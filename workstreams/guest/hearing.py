"""Hears for all the blocks of this process that wait."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterator

from workstreams.admit.listener import Listener
from workstreams.store.link import Link

__all__ = ["Hearing"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    want: Hashable
    wake: Callable[[], None]


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
        self._waiting: dict[str, _Waiting] = {}
        self._listener: Listener | None = None

    @contextlib.contextmanager
    def expecting(self, sid: str, want: Hashable, wake: Callable[[], None]) -> Iterator[None]:
        """Within this, what is told to a guest is passed on, if anybody listens.

        Parameters:
          sid: The guest.
          want: What it waits for: of those who want the same, the next is woken when the first is through,
            or waits no longer.
          wake: Called from another thread whenever it may be worth to ask.
        """
        with self._mutex:
            self._waiting[sid] = _Waiting(want, wake)
        try:
            yield
        finally:
            with self._mutex:
                was_first = self._first(want) == sid
                del self._waiting[sid]
                following = self._first(want) if was_first else None
                if following is not None:
                    self._waiting[following].wake()
                if self._listener is not None and not self._waiting:
                    self._listener.stop()
                    self._listener = None

    def is_first(self, sid: str) -> bool:
        """Whether nobody in this process waits longer for what this guest wants."""
        with self._mutex:
            return self._first(self._waiting[sid].want) == sid

    def _first(self, want: Hashable) -> str | None:
        return next((sid for sid, one in self._waiting.items() if one.want == want), None)

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
            called = list(self._waiting.values()) if name == "*" else [self._waiting.get(name)]
        for one in called:
            if one is not None:
                one.wake()
