"""Calls the hooks that middleware really has, and no others.

Dramatiq calls every hook of every middleware, most of which do nothing: with fourteen of them
that was a third of what a small job cost. What is done about a hook that fails is the same
as in ``dramatiq.broker.Broker.emit_before`` and ``emit_after``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dramatiq import Middleware

__all__ = ["Hooks"]

Hook = tuple[Middleware, Callable[..., Any]]


class Hooks:
    """The hooks of one broker's middleware, found once for each moment.

    Parameters:
      middleware: The broker's list; a change of its length is noticed by itself.
    """

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self._middleware = middleware
        self._length = len(middleware)
        self._before: dict[str, tuple[Hook, ...]] = {}
        self._after: dict[str, tuple[Hook, ...]] = {}

    def forget(self) -> None:
        """The list was changed: look again."""
        self._before, self._after = {}, {}
        self._length = len(self._middleware)

    def before(self, signal: str) -> tuple[Hook, ...]:
        """The hooks called before a moment, in the order of the list."""
        if len(self._middleware) != self._length:
            self.forget()
        found = self._before.get(signal)
        if found is None:
            found = self._before[signal] = tuple(self._find("before_" + signal))
        return found

    def after(self, signal: str) -> tuple[Hook, ...]:
        """The hooks called after a moment, the last in the list first."""
        if len(self._middleware) != self._length:
            self.forget()
        found = self._after.get(signal)
        if found is None:
            found = self._after[signal] = tuple(reversed(list(self._find("after_" + signal))))
        return found

    def _find(self, name: str) -> Iterator[Hook]:
        for one in self._middleware:
            if _has(one, name):
                yield one, getattr(one, name)


def _has(middleware: Middleware, name: str) -> bool:
    if name in vars(middleware):
        return True
    return getattr(type(middleware), name, None) is not getattr(Middleware, name, None)
