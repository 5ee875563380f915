"""structlog's filtering logger, made so that no field and no event text of a user can make a call raise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import structlog

__all__ = ["bound_logger"]

_METHODS = ("debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "msg", "log")
#: structlog passes a line's fields as keyword arguments next to its own of these names.
_TAKEN = ("event", "method_name", "self")


def bound_logger(weight: int) -> type[structlog.typing.FilteringBoundLogger]:
    """A class of bound loggers that lets lines of at least this weight through.

    It is structlog's own, with two differences: a field named like one of structlog's arguments is
    renamed with a trailing underscore, and an event that cannot be formatted keeps its arguments beside it.

    Parameters:
      weight: One of the standard library's levels, 10 to 50.
    """
    base = structlog.make_filtering_bound_logger(weight)
    methods: dict[str, Any] = {"bind": _renaming(base.bind)}
    for name in _METHODS:
        guard = _guarded_log if name == "log" else _guarded
        methods[name] = guard(getattr(base, name))
        methods[f"a{name}"] = guard(getattr(base, f"a{name}"))
    return type("JobLogger", (base,), methods)


def _renaming(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, /, **fields: Any) -> Any:
        return method(self, **_renamed(fields))

    return call


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **fields: Any) -> Any:
        event, fields = _split(args, fields)
        return method(self, event, **fields)

    return call


def _guarded_log(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, weight: int, /, *args: Any, **fields: Any) -> Any:
        event, fields = _split(args, fields)
        # structlog knows six weights; between them the next lower one is meant.
        return method(self, min(max(int(weight) // 10 * 10, 0), 50), event, **fields)

    return call


def _split(args: tuple[Any, ...], fields: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    event = fields.pop("event") if not args and "event" in fields else _formatted(args)
    return event, _renamed(fields)


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    for name in _TAKEN:
        if name in fields:
            fields[f"{name}_"] = fields.pop(name)
    return fields


def _formatted(args: tuple[Any, ...]) -> Any:
    if len(args) < 2:
        return args[0] if args else ""
    event, *rest = args
    try:
        # One mapping alone fills %(name)s, as in the standard library's logging.
        return event % (rest[0] if len(rest) == 1 and isinstance(rest[0], dict) else tuple(rest))
    except Exception:
        return f"{event} {rest!r}"
