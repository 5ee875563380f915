"""Calls the hooks that middleware really has, and no others.

Dramatiq calls every hook of every middleware, most of which do nothing: with fourteen of them
that was a third of what a small job cost. What is done about a hook that fails is the same
as in ``dramatiq.broker.Broker.emit_before`` and ``emit_after``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        self._found: dict[str, tuple[Hook, ...]] = {}

    def forget(self) -> None:
        """The list was changed: look again."""
        self._found = {}
        self._length = len(self._middleware)

    def of(self, name: str) -> tuple[Hook, ...]:
        """The hooks called *name*, in the order of the list."""
        if len(self._middleware) != self._length:
            self.forget()
        found = self._found.get(name)
        if found is None:
            found = tuple((one, getattr(one, name)) for one in self._middleware if _has(one, name))
            self._found[name] = found
        return found


def _has(middleware: Middleware, name: str) -> bool:
    if name in vars(middleware):
        return True
    return getattr(type(middleware), name, None) is not getattr(Middleware, name, None)
