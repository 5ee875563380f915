"""Where each value of a document was written, so that a problem can be shown there."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from workstreams.declare.config.scalars import typed
from workstreams.errors import Problem

__all__ = ["KeyPath", "Place", "Places", "dotted", "shown"]

#: Keys and positions from the top of the document down.
KeyPath = tuple[str | int, ...]

_SECRET_WORDS = ("password", "passwd", "token", "secret", "authorization", "api_key", "apikey", "credential")
#: Everything up to the last @ after a colon, so that a password with a slash or an @ in it is covered too.
_USERINFO = re.compile(r"^(\w[\w+]*://)?.*:.*@|^(\w[\w+]*://).*@", re.DOTALL)
_QUERY_PASSWORD = re.compile(r"(?<=password=)[^&]*", re.IGNORECASE)
_LONGEST_SHOWN = 80
_MASK = "***"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written.

    Attributes:
      path: Its path as it was written, before shorthands were expanded.
      file: The file; None for the environment, a flag, or a document built in memory.
      line: 1-based line in the file.
      written: A number or a switch as it was written; None for anything else.
      origin: What else it came from: variables, or a flag.
    """

    path: KeyPath
    file: Path | None = None
    line: int | None = None
    written: str | None = None
    origin: tuple[str, ...] = ()


def dotted(path: KeyPath) -> str:
    """``("rate", 0, "burst")`` as ``rate[0].burst``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{_printable(key)}" for key in path)
    return text.removeprefix(".")


def _printable(text: str) -> str:
    kept = "".join(char if char.isprintable() else "?" for char in text)
    return kept if len(kept) <= _LONGEST_SHOWN else kept[:_LONGEST_SHOWN] + "…"


def _masked(text: str) -> str:
    text = _USERINFO.sub(lambda match: f"{match[1] or match[2] or ''}{_MASK}@", text)
    return _QUERY_PASSWORD.sub(_MASK, text)


def shown(value: object) -> str:
    """What was found, as it is written in YAML, shortened, without the password of a URL."""
    value = typed(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        return json.dumps(_printable(_masked(value)), ensure_ascii=False)
    try:
        return _printable(str(value))
    except ValueError:  # Python refuses to write out an integer of thousands of digits.
        return "a number with thousands of digits"


class Places(dict[KeyPath, Place]):
    """Every path of a document with its place."""

    def nearest(self, path: KeyPath) -> Place:
        """The place of a path, or else of what holds it.

        A key that a workstream has from ``defaults`` is placed there.
        """
        for length in range(len(path), 0, -1):
            for written in _as_written(path[:length]):
                if written in self:
                    return self[written]
        return self.get((), Place(()))

    def problem(self, path: KeyPath, expected: str, value: object, hint: str = "") -> Problem:
        """A problem with the value at a path.

        Parameters:
          path: Where the value is in the expanded document.
          expected: What would have been right, as a phrase.
          value: What stands there.
          hint: What to do about it.
        """
        place = self.nearest(path)
        secret = _is_secret(path, place)
        # The place may be that of a shorthand, so only a number is shown as it stands there.
        found = place.written if place.written and isinstance(value, int | float) else shown(value)
        if secret and value not in (None, ""):
            found = _MASK
        return self.at(path, expected, found, hint)

    def at(self, path: KeyPath, expected: str, found: str, hint: str = "") -> Problem:
        """The same with the words for what was found."""
        place = self.nearest(path)
        origin = f"from {', '.join(place.origin)}" if place.origin else ""
        where = dotted(place.path) if place.path or place.file else dotted(path)
        return Problem(
            expected, found, where, place.file, place.line, "; ".join(filter(None, (hint, origin)))
        )


def _as_written(path: KeyPath) -> Iterator[KeyPath]:
    """Where a path of the long form may have been written."""
    yield path
    if 0 in path:  # The one entry of a list may stand without its list.
        yield tuple(step for step in path if step != 0)
    if path[0] == "workstreams" and len(path) > 2:
        yield from _as_written(("defaults", *path[2:]))


def _is_secret(path: KeyPath, place: Place) -> bool:
    names = " ".join(str(part) for part in (*path, *place.path, *place.origin)).lower()
    return any(word in names for word in _SECRET_WORDS)
