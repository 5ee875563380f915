"""Middleware that a broker has by default and that a user's own of the same kind replaces.

Dramatiq's recipes begin with ``broker.add_middleware(Results(...))`` or ``AsyncIO()``, which
its brokers lack by default and ours has; two of a kind would each do the work.
"""

from __future__ import annotations

from dramatiq import Middleware

from workstreams.wait.ports import Absorbs

__all__ = ["StandIns", "is_absorbed"]


class StandIns:
    """The default middleware of one broker, as far as nothing replaced it."""

    def __init__(self) -> None:
        self._left: list[Middleware] = []

    def add(self, middleware: Middleware) -> None:
        """Note a default."""
        self._left.append(middleware)

    def give_way(self, new: Middleware, present: list[Middleware]) -> int | None:
        """Take the default that does the work of *new* out of *present*.

        Returns:
          The place it had, or None if there was none.
        """
        for one in self._left:
            if isinstance(one, type(new)) and type(new) is not Middleware:
                place = present.index(one)
                self._left.remove(one)
                present.remove(one)
                return place
        return None


def is_absorbed(new: Middleware, present: list[Middleware]) -> bool:
    """Whether one of those present took over what *new* was to do."""
    return any(isinstance(one, Absorbs) and one.absorb(new) for one in present)
