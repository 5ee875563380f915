"""Hears for all the blocks of this process that wait."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Hashable, Iterator
from weakref import ReferenceType, ref

from workstreams.admit.apart import apart
from workstreams.admit.listener import Listener
from workstreams.guest.bell import Rings
from workstreams.store.link import Link

__all__ = ["Hearing"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    want: Hashable
    bell: ReferenceType[Rings]

    def ring(self) -> None:
        bell = self.bell()
        if bell is not None:
            bell.ring()


class Hearing:
    """One subscription for a process, for as long as somebody there waits.

    Who waits may be interrupted anywhere in here: whatever is done half is done again.

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

    def expect(self, sid: str, want: Hashable, bell: Rings) -> None:
        """From now on what is told to a guest is passed on, if anybody listens.

        Parameters:
          sid: The guest.
          want: What it waits for: of those who want the same, the next is woken when the first is through,
            or waits no longer.
          bell: Rung whenever it may be worth to ask. A guest whose bell is gone has gone as well: it may have
            been interrupted where it could not say so.
        """
        with self._mutex:
            self._waiting[sid] = _Waiting(want, ref(bell))

    def forget(self, sid: str) -> None:
        """A guest waits no longer; said twice, it is the same as once."""
        with self._mutex:
            gone = self._waiting.get(sid)
            if gone is not None:
                alike = self._alike(gone)
                if next(alike) is gone and (following := next(alike, None)) is not None:
                    # It sees that it is the first when this is over.
                    following.ring()
                del self._waiting[sid]
            if not self._is_awaited() and self._listener is not None:
                self._listener.stop()
                self._listener = None

    def is_first(self, sid: str) -> bool:
        """Whether nobody in this process waits longer for what this guest wants."""
        with self._mutex:
            mine = self._waiting[sid]
            return next(self._alike(mine)) is mine

    def listen(self) -> None:
        """Be subscribed from soon on. Everybody is woken then: what was told before was not heard."""
        if self._listener is None:
            apart(self._begin)

    def _begin(self) -> None:
        with self._mutex:
            if self._listener is None and self._is_awaited():
                listener = Listener(self._link.listener, self._link.keys, self._name, self._wake)
                # A worker in this process has one of its own.
                listener.name = "workstreams-limits-listener"
                listener.start()
                self._listener = listener

    def _alike(self, mine: _Waiting) -> Iterator[_Waiting]:
        """Itself and all who want the same, in the order in which they came."""
        return (
            one
            for one in self._waiting.values()
            if one.want == mine.want and (one is mine or one.bell() is not None)
        )

    def _is_awaited(self) -> bool:
        if any(one.bell() is not None for one in self._waiting.values()):
            return True
        self._waiting.clear()
        return False

    def _wake(self, name: str, _: float) -> None:
        with self._mutex:
            called = list(self._waiting.values()) if name == "*" else [self._waiting.get(name)]
        for one in called:
            if one is not None:
                one.ring()
