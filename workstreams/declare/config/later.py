"""Keys that are read and checked, but refused, because this version does not hold to them yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from workstreams.declare.config.places import KeyPath, Places
from workstreams.declare.config.scalars import BROKEN, typed
from workstreams.errors import Problem

__all__ = ["LATER", "check_later"]

#: Where the key stands (``*`` is any name, ``=word`` one value of many), and why it is refused. To enable
#: a key is to delete its row.
LATER: Final[Mapping[tuple[str, ...], str]] = {
    ("workstreams", "*", "shard"): "this version keeps every workstream in the app's own shard",
    ("schedules", "*", "overlap", "=queue"): (
        "this version does not hold a tick back until a job has ended yet; "
        "choose skip, or allow with a workstream of concurrency 1"
    ),
}


def check_later(document: Mapping[str, object], places: Places) -> Iterator[Problem]:
    """Refuse what is given and would not be held; a key that says nothing is let through."""
    for pattern, reason in LATER.items():
        for path in _matches(document, pattern):
            if pattern[-1].startswith("="):
                yield places.problem(path, "a value that this version holds to", pattern[-1][1:], reason)
            else:
                yield places.at(path, "a key that this version holds to", str(path[-1]), reason)


def _matches(value: object, pattern: tuple[str, ...], path: KeyPath = ()) -> Iterator[KeyPath]:
    if not pattern:
        if typed(value) is not None and value is not BROKEN:
            yield path
        return
    first, rest = pattern[0], pattern[1:]
    if isinstance(value, str) and first == f"={value}":
        yield path
    if not isinstance(value, Mapping):
        return
    for key in list(value) if first == "*" else [first]:
        if key in value:
            yield from _matches(value[key], rest, (*path, key))
