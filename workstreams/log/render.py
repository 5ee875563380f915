"""Lines as text: JSON for programs, colours and columns for people; neither lets a line move the cursor."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import orjson

from workstreams.log.lines import FIELDS
from workstreams.log.values import encode

__all__ = ["PrettyRenderer", "json_line", "renderer"]

#: Widest that the column of workstreams gets; a longer name pushes its own line only.
MAX_COLUMN = 20
_EVENT_COLUMN = 16

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_DIM, _BOLD, _NAME = "2", "1", "36"

# C1 controls (0x9b begins an escape sequence as ESC [ does), separators that break lines, and the marks
# that turn the direction of text, by which a line can be made to read as another.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_BARE = re.compile(r"[^\s\"'=]+")

Renderer = Callable[[Mapping[str, Any]], str]


def json_line(line: Mapping[str, object]) -> str:
    """One line as JSON on one line of text, with every control character escaped."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", encode(line).decode())


def renderer(stream: TextIO, form: str = "auto", environ: Mapping[str, str] | None = None) -> Renderer:
    """Choose how lines are written to a stream.

    Parameters:
      stream: Where they go.
      form: ``json``, ``pretty``, or ``auto``: pretty on a terminal, JSON elsewhere.
      environ: The environment. A ``NO_COLOR`` that is not empty, or ``TERM=dumb``, takes the colours away.
    """
    environ = os.environ if environ is None else environ
    terminal = stream.isatty()
    if form == "json" or (form == "auto" and not terminal):
        return json_line
    return PrettyRenderer(colour=terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")


class PrettyRenderer:
    """Writes a line as time, level, workstream, job, event and ``key=value``, in columns.

    Parameters:
      colour: Whether to use ANSI colours.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._column = 0

    def __call__(self, line: Mapping[str, Any]) -> str:
        """One line of text; an exception follows on lines of its own, indented."""
        workstream = _escaped(line.get("workstream") or "-")
        self._column = min(max(self._column, _width(workstream)), MAX_COLUMN)
        head = [
            self._paint(_DIM, _time(line.get("ts"))),
            self._level(_escaped(line.get("level") or "info")),
            self._paint(_NAME, _padded(workstream, self._column)),
            self._paint(_DIM, _padded(_escaped(line.get("job") or "-")[-8:], 8)),
            self._paint(_BOLD, _padded(_escaped(line.get("event") or ""), _EVENT_COLUMN)),
        ]
        text = " ".join([*head, *self._fields(line)]).rstrip()
        exception = line.get("exception")
        return text + self._block(exception) if isinstance(exception, str) else text

    def _level(self, level: str) -> str:
        return self._paint(_COLOURS.get(level, _COLOURS["info"]), _padded(level, 8))

    def _fields(self, line: Mapping[str, Any]) -> list[str]:
        shown = {
            name: line[name] for name in ("actor", "attempt", "key", "worker") if line.get(name) is not None
        }
        if shown.get("attempt") == 1:
            del shown["attempt"]
        shown |= {name: value for name, value in line.items() if name not in FIELDS}
        if isinstance(shown.get("exception"), str):
            del shown["exception"]
        return [f"{self._paint(_DIM, _escaped(name) + '=')}{_value(value)}" for name, value in shown.items()]

    def _block(self, exception: str) -> str:
        return "".join(f"\n    {_escaped(row)}" for row in exception.splitlines())

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text.strip() else text


def _time(ts: object) -> str:
    text = _escaped(ts or "")
    # Milliseconds are what an eye can use; --json has the rest.
    return text[:23] + "Z" if len(text) == 27 and text.endswith("Z") else text


def _value(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if isinstance(value, str) and not _BARE.fullmatch(text):
        text = _quoted(text)
    return _escaped(text)


def _quoted(text: str) -> str:
    return orjson.dumps(text.encode("utf-8", "replace").decode()).decode()


def _escaped(value: object) -> str:
    return _UNSAFE.sub(lambda found: _escape(found[0]), str(value))


def _escape(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return short or (f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}")


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)
