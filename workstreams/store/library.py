"""Joins the Lua files into one library of functions, and brings it to a server.

A library is loaded once and stays, so a call builds nothing: each operation is a function in it,
and all of them share the fragments. Its name carries a hash of its text: several versions of the
product may live beside each other on one server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Any, Self

import redis
from redis.exceptions import NoPermissionError, ResponseError

__all__ = ["FRAGMENTS", "Library", "ScriptFailed", "is_missing", "library", "load", "operations"]

#: In the order in which they may use each other: Lua sees what stands above.
FRAGMENTS = (
    *("begin", "base", "memory", "clock", "version", "once", "cost", "rates", "settings", "logs", "events"),
    *("meter", "history", "rate", "ease", "respace", "gate", "batch", "door", "tally", "order", "turns"),
    *("held", "ready", "line", "latch", "live", "usage", "wake", "timer", "job", "overtake", "ended"),
    *("deaths", "guest", "release", "adopt", "overdue", "recover", "reconcile", "follow", "finish"),
    *("proof", "session", "upstream", "aside", "take", "admit", "change", "schedule"),
)

#: Libraries of ours that a server keeps, those that were loaded last: years of deployments leave many behind.
KEPT = 8

_PREFIX = "workstreams_"
_FLAGS = re.compile(r"^#!lua flags=(\S+)$")
_PLACE = re.compile(r"user_function:(\d+)")


class ScriptFailed(ResponseError):
    """An operation of ours stopped in the middle: a defect, or a key of another type."""


@dataclasses.dataclass(frozen=True, slots=True)
class Library:
    """All operations in one text.

    Attributes:
      name: What the server calls it.
      text: The whole text but its first two lines, which depend on the rest and on the time.
      origin: For each line of the text the ``file:line`` it came from.
    """

    name: str
    text: str
    origin: tuple[str, ...]

    @classmethod
    def of(cls, text: str, origin: tuple[str, ...]) -> Self:
        """A library that is named for its text."""
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]
        name = _PREFIX + digest
        return cls(name, text.replace("<library>", name), origin)

    def function(self, operation: str) -> str:
        """What the server calls an operation."""
        return f"{self.name}_{operation}"

    def code(self, now_us: int) -> str:
        """The text as the server is given it."""
        return f"#!lua name={self.name}\nlocal LOADED = '{now_us}'\n{self.text}"

    def placed(self, error: ResponseError) -> str:
        """An error's words, with the files and lines of ours in place of those of the whole text."""

        def name(match: re.Match[str]) -> str:
            line = int(match[1]) - 2
            return self.origin[line - 1] if 0 < line <= len(self.origin) else match[0]

        return _PLACE.sub(name, str(error)).replace(f"{self.name}_", "")


def operations() -> tuple[str, ...]:
    """The names of all operations: files in ``lua/`` without their ending."""
    folder = resources.files(__package__).joinpath("lua")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".lua") for name in names if name.endswith(".lua")))


@lru_cache(maxsize=1)
def library() -> Library:
    """The library of this version of the product."""
    lines: list[tuple[str, str]] = []
    for fragment in FRAGMENTS:
        lines += _numbered(f"fragments/{fragment}")
    for operation in operations():
        lines += _registered(operation)
    return Library.of("\n".join(line for line, _ in lines) + "\n", tuple(place for _, place in lines))


def is_missing(error: object) -> bool:
    """Whether this is a server's answer to a call of a function that it does not have."""
    return type(error) is ResponseError and str(error) == "Function not found"


def load(client: redis.Redis, wanted: Library) -> None:
    """Bring a library to the server, if it is not there, and drop those of ours that were loaded long ago.

    One that is dropped while its processes live is loaded again by them.

    Raises:
      ScriptFailed: When its text is wrong, with file and line.
      redis.RedisError: When the server could not be asked, or forbids it.
    """
    seconds, us = client.time()
    try:
        client.function_load(wanted.code(seconds * 1_000_000 + us))
    except ResponseError as error:
        if str(error).endswith("already exists"):
            return
        if type(error) is ResponseError and _PLACE.search(str(error)):
            raise ScriptFailed(wanted.placed(error)) from error
        raise
    # Tidying is a courtesy: a user may be allowed to load, and not to do this.
    with contextlib.suppress(NoPermissionError):
        _drop_outdated(client, wanted.name)


def _numbered(name: str) -> list[tuple[str, str]]:
    text = resources.files(__package__).joinpath("lua", f"{name}.lua").read_text("utf-8")
    return [(line, f"{name}.lua:{number}") for number, line in enumerate(text.splitlines(), start=1)]


def _registered(operation: str) -> list[tuple[str, str]]:
    """An operation's lines as the body of a function; its first line may name flags."""
    lines = _numbered(operation)
    flags = _FLAGS.match(lines[0][0])
    listed = ", ".join(f"'{flag}'" for flag in flags[1].split(",")) if flags else ""
    head = "do local function run(KEYS, ARGV) calls.begin(KEYS)"
    tail = (
        f"end redis.register_function{{function_name = '<library>_{operation}', description = LOADED, "
        f"flags = {{{listed}}}, "
        "callback = function(KEYS, ARGV) return calls.carry_out(run, KEYS, ARGV) end} end"
    )
    return [(head, f"{operation}.lua:1"), *lines[1 if flags else 0 :], (tail, lines[-1][1])]


def _drop_outdated(client: redis.Redis, name: str) -> None:
    found: Any = client.function_list(f"{_PREFIX}*")
    loaded = {one: at for one, at in map(_loaded, found) if one != name}
    for outdated in sorted(loaded, key=lambda one: loaded[one], reverse=True)[KEPT - 1 :]:
        # Somebody else may have dropped it by now.
        with contextlib.suppress(ResponseError):
            client.function_delete(outdated)


def _loaded(entry: Iterable[Any]) -> tuple[str, int]:
    """The name of a library, and the µs at which it was loaded, as its functions say."""
    words = list(entry)
    told = dict(zip(words[::2], words[1::2], strict=True))
    functions = told[b"functions"]
    said = dict(zip(functions[0][::2], functions[0][1::2], strict=True))[b"description"] if functions else b""
    return told[b"library_name"].decode(), int(said) if said and said.isdigit() else 0
