"""One line made of an event, the job it belongs to and what the user added."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workstreams.log.lines import FIELDS, now_us, stamp
from workstreams.log.redact import REDACTED, Redactor
from workstreams.log.values import cut, plain, text_of

__all__ = ["MAX_EXCEPTION", "Composer", "exception_text"]

#: Longest text of an exception, in characters.
MAX_EXCEPTION = 16 * 1024

#: Passed on as they are; what of them JSON still refuses, ``encode`` makes plain.
_SIMPLE = (str, int, bool, type(None))


class Composer:
    """Makes lines; the same for structlog's events and the standard library's records.

    Parameters:
      redact: Names of secrets; see Redactor.
      identity: Fields of every line, ``app`` and ``worker``.
      fields: Returns what is known of the job that runs here: ``workstream``, ``job``, ``actor``, …
    """

    def __init__(
        self,
        redact: Iterable[str],
        identity: Mapping[str, object],
        fields: Callable[[], Mapping[str, object]],
    ) -> None:
        self._redactor = Redactor(redact)
        self._identity = dict(identity)
        self._fields = fields

    def line(
        self,
        level: str,
        event: object,
        user: Mapping[str, Any],
        exception: str | None = None,
        ts: int | None = None,
    ) -> dict[str, Any]:
        """Make one line.

        Parameters:
          level: One of LEVELS.
          event: What happened, as text or anything that has one.
          user: The user's own fields. One that would hide a field of the system gets a trailing underscore.
          exception: The text of an exception, if there is one.
          ts: When it happened, in µs since 1970; None is now.
        """
        line: dict[str, Any] = {"ts": stamp(now_us() if ts is None else ts), "level": level}
        line["event"] = text_of(event)
        known = {**self._identity, **self._fields()}
        line.update((name, known[name]) for name in FIELDS if known.get(name) is not None)
        line.update((name, plain(value)) for name, value in known.items() if name not in FIELDS)
        if exception is not None:
            line["exception"] = exception
        for name, value in user.items():
            line[_free(text_of(name), line)] = self._shown(text_of(name), value)
        return line

    def _shown(self, name: str, value: object) -> Any:
        if self._redactor.is_secret(name, value):
            return REDACTED
        if type(value) in _SIMPLE:
            return value
        made = plain(value)
        return self._redactor.clean(made) if type(made) in (dict, list) else made


def exception_text(exc_info: object) -> str | None:
    """The traceback that ``exc_info`` stands for, as structlog and logging accept it.

    Parameters:
      exc_info: True for the exception being handled, an exception, a tuple of three, or nothing.

    Returns:
      At most 16 KiB of text; None when there is no exception.
    """
    error = _exception(exc_info)
    if error is None:
        return None
    try:
        text = "".join(traceback.format_exception(error))
    except Exception as broken:  # an exception's own attributes may raise while they are read
        text = f"{type(error).__name__} <traceback unavailable: {type(broken).__name__}>"
    return plain(cut(text.rstrip("\n"), MAX_EXCEPTION))  # type: ignore[no-any-return]  # text stays text


def _exception(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((item for item in exc_info if isinstance(item, BaseException)), None)
    return sys.exc_info()[1] if exc_info else None


def _free(name: str, line: Mapping[str, object]) -> str:
    while name in FIELDS or name in line:
        name += "_"
    return name
