"""A mapping built in memory as the plain data that a file would give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workstreams.declare.config.places import KeyPath, Places, dotted, shown
from workstreams.declare.config.reading import MAX_DEPTH, Reading
from workstreams.declare.config.scalars import BROKEN
from workstreams.errors import Problem

__all__ = ["plain"]


def plain(document: Mapping[str, object]) -> Reading:
    """Copy a mapping into dicts and lists, so that nothing is shared with its owner.

    Returns:
      The data, without places, and a problem for each key that is no text.
    """
    problems: list[Problem] = []
    return Reading(_copy(document, (), problems), Places(), problems)


def _copy(value: object, path: KeyPath, problems: list[Problem]) -> object:
    if len(path) > MAX_DEPTH:
        problems.append(Problem(f"at most {MAX_DEPTH} levels", "more", dotted(path[:3])))
        return BROKEN
    if isinstance(value, Mapping):
        return _copy_mapping(value, path, problems)
    if isinstance(value, list | tuple):
        return [_copy(item, (*path, position), problems) for position, item in enumerate(value)]
    return str(value) if isinstance(value, Path) else value


def _copy_mapping(
    value: Mapping[object, object], path: KeyPath, problems: list[Problem]
) -> dict[str, object]:
    copy: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(key, str):
            copy[key] = _copy(item, (*path, key), problems)
        else:
            problems.append(Problem("text as a key", shown(key), dotted(path)))
    return copy
