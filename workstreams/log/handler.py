"""Records of the standard library's logging as lines, so that Dramatiq and every library speak alike."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from workstreams.log.compose import Composer, exception_text
from workstreams.log.lines import LEVELS

__all__ = ["LineHandler"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineHandler(logging.Handler):
    """Turns each record into a line; what ``extra=`` added becomes fields, the logger's name ``logger``.

    Parameters:
      composer: Makes the line.
      sink: Takes it, in the thread that logs.
    """

    def __init__(self, composer: Composer, sink: Callable[[dict[str, Any]], object]) -> None:
        super().__init__()
        self._composer, self._sink = composer, sink

    def createLock(self) -> None:  # noqa: N802 (the standard library's name)
        """No lock: the sink has its own, and an asynchronous exception could leak this one for ever."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record's line to the sink."""
        try:
            self._sink(self._line(record))
        except Exception:
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        user = {"logger": record.name}
        user |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.stack_info:
            user["stack"] = record.stack_info
        return self._composer.line(
            _level(record.levelno),
            _message(record),
            user,
            exception_text(record.exc_info) or record.exc_text,
            ts=int(record.created * 1_000_000),
        )


def _level(weight: int) -> str:
    return max((name for name in LEVELS if LEVELS[name] <= weight), key=LEVELS.__getitem__, default="debug")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg} {record.args!r}"
