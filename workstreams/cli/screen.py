"""What a command writes: colours on a terminal, plain text in a pipe, JSON if asked."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

__all__ = [
    "Marked",
    "OutputLost",
    "ReaderGone",
    "counted",
    "fields",
    "json_lines",
    "note",
    "say",
    "shown",
    "span",
    "wants_colour",
]

_SECOND = 1_000_000

_CODES = {"red": "31", "yellow": "33", "green": "32", "cyan": "36", "dim": "2"}


class ReaderGone(Exception):
    """Nobody reads the pipe any longer. Not an OSError, which the command's parser would take as its own."""


class OutputLost(Exception):
    """What was to be written could not be: the disk that takes it is full, for one. Says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Marked:
    """A cell or a value that a terminal shows in a colour: red, yellow, green, cyan or dim."""

    value: object
    colour: str

    def __str__(self) -> str:
        return str(self.value)


def shown(text: object) -> str:
    """Text that cannot move the cursor, change colours or turn the direction of writing."""
    found = str(text)
    if found.isprintable():
        return found
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "replace").decode() for one in found
    )


def span(microseconds: int) -> str:
    """A length of time for people: its two largest units."""
    seconds = microseconds / _SECOND
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, below, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below}{smaller}"
    return f"{whole}s"


def counted(number: int, thing: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def wants_colour(stream: TextIO) -> bool:
    """Whether colours are welcome: on a terminal, unless NO_COLOR or a dumb one says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line to stdout, or to another stream, at once: whoever reads a pipe waits for it."""
    stream = sys.stdout if stream is None else stream
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise OutputLost(error.strerror) from error


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    say(shown(text), sys.stderr)


def json_lines(records: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    from workstreams.log.render import json_line

    for record in records:
        say(json_line(record))


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; a value of several lines is indented below its name."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    dim, plain = ("\x1b[2m", "\x1b[0m") if wants_colour(sys.stdout) else ("", "")
    for name, value in listed:
        first, *rest = str(value).splitlines() or [""]
        say(f"{dim}{name.ljust(width)}{plain}  {_painted(shown(first), value)}".rstrip())
        for line in rest:
            say(f"{' ' * width}  {shown(line)}".rstrip())


def _painted(text: str, value: object) -> str:
    if not isinstance(value, Marked) or not wants_colour(sys.stdout):
        return text
    return f"\x1b[{_CODES[value.colour]}m{text}\x1b[0m"
