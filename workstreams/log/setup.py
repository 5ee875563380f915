"""Wires structlog and the standard library's logging of a worker process to one sink of lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from workstreams.log.compose import Composer, exception_text
from workstreams.log.handler import LineHandler
from workstreams.log.joblogger import bound_logger
from workstreams.log.lines import LEVELS
from workstreams.run.context import current_fields

__all__ = ["configure_logging", "get_logger"]

Sink = Callable[[dict[str, Any]], object]

_NAMES = {"warn": "warning", "exception": "error", "fatal": "critical", "msg": "info", "notset": "debug"}


def get_logger(*args: Any, **initial: Any) -> Any:
    """A structlog logger for jobs and for everything around them.

    In a worker its lines carry the job, workstream, actor, attempt and key by themselves. Anywhere else it
    follows whatever structlog configuration the program has, and none is needed.

    Parameters:
      args: A name for the logger, which its lines carry as ``logger``.
      initial: Fields for every line.
    """
    return structlog.get_logger(*args, **initial)


def configure_logging(
    sink: Sink,
    level: str = "info",
    redact: Iterable[str] = (),
    *,
    identity: Mapping[str, object] | None = None,
    fields: Callable[[], Mapping[str, object]] = current_fields,
) -> None:
    """Send every line of this process to the sink. Called by worker processes, and by nobody else.

    structlog is configured for the whole process. On the root logger of the standard library, handlers
    that write to stdout or stderr are replaced; others, such as files, stay.

    Parameters:
      sink: Called with each line, in the thread that logs; PipeWriter.line is one.
      level: Lines below it are dropped: debug, info, warning, error or critical.
      redact: Names of secrets; see Redactor.
      identity: Fields of every line, ``app`` and ``worker``.
      fields: Returns the fields of the job that runs in the calling context.

    Raises:
      KeyError: When there is no such level.
    """
    composer = Composer(redact, identity or {}, fields)
    weight = LEVELS[level.lower()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _Compose(composer)],
        wrapper_class=bound_logger(weight),
        context_class=dict,
        logger_factory=_Factory(sink),
        cache_logger_on_first_use=False,
    )
    _replace_handlers(logging.getLogger(), LineHandler(composer, sink), weight)


def _replace_handlers(root: logging.Logger, handler: logging.Handler, weight: int) -> None:
    for old in list(root.handlers):
        console = isinstance(old, logging.StreamHandler) and old.stream in (sys.stdout, sys.stderr)
        if console or isinstance(old, LineHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(weight)


class _Compose:
    """The last structlog processor: an event dict becomes a line."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def __call__(
        self, logger: Any, method_name: str, event_dict: Mapping[str, Any]
    ) -> tuple[tuple[dict[str, Any]], dict[str, Any]]:
        user = dict(event_dict)
        event = user.pop("event", "")
        exception = exception_text(user.pop("exc_info", None))
        if user.pop("stack_info", None):
            user["stack"] = _stack()
        if getattr(logger, "name", None):
            user = {"logger": logger.name} | user
        line = self._composer.line(_NAMES.get(method_name, method_name), event, user, exception)
        return (line,), {}


def _stack() -> str:
    made = structlog.processors.StackInfoRenderer()(None, "", {"stack_info": True})
    return str(made.get("stack", ""))


class _SinkLogger:
    """What structlog calls in the end: every method hands the line to the sink."""

    def __init__(self, sink: Sink, name: str | None) -> None:
        self._sink, self.name = sink, name

    def debug(self, line: dict[str, Any]) -> None:
        self._sink(line)

    info = warning = error = critical = exception = msg = warn = fatal = notset = log = debug


class _Factory:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, *args: Any) -> _SinkLogger:
        return _SinkLogger(self._sink, str(args[0]) if args else None)
