"""Several files as one document, in which nothing is declared twice."""

from __future__ import annotations

from workstreams.declare.config.places import KeyPath, Places
from workstreams.declare.config.reading import Reading
from workstreams.declare.config.scalars import BROKEN
from workstreams.errors import Problem

__all__ = ["merge"]

#: Lists that the files have together.
_LISTS = ("import", "path")


def merge(readings: list[Reading]) -> Reading:
    """Merge what the files say.

    Sections are merged key by key, ``import`` and ``path`` end to end; anything else may be given once.

    Returns:
      One document with the places and problems of all of them.
    """
    data: dict[str, object] = {}
    places = Places()
    problems: list[Problem] = []
    for reading in readings:
        problems += reading.problems
        if isinstance(reading.data, dict):
            _add(data, places, reading, problems)
        elif reading.data is not None and reading.data is not BROKEN:
            problems.append(reading.places.problem((), "a mapping at the top", reading.data))
    return Reading(data, places, problems)


def _add(data: dict[str, object], places: Places, reading: Reading, problems: list[Problem]) -> None:
    assert isinstance(reading.data, dict)
    for key, value in reading.data.items():
        if key not in data:
            data[key] = dict(value) if isinstance(value, dict) else value
            _move(reading.places, (key,), places, (key,))
        elif key in _LISTS:
            data[key] = _extend(data[key], value, key, places, reading.places)
        else:
            _add_section(data, places, reading, key, problems)


def _add_section(
    data: dict[str, object], places: Places, reading: Reading, key: str, problems: list[Problem]
) -> None:
    there, more = data[key], reading.data[key] if isinstance(reading.data, dict) else None
    if more is None or there is None:
        data[key] = there if more is None else more
        if there is None:
            _move(reading.places, (key,), places, (key,))
        return
    if not isinstance(there, dict) or not isinstance(more, dict):
        problems.append(_twice(places, reading.places, (key,)))
        return
    for name, value in more.items():
        if name in there:
            problems.append(_twice(places, reading.places, (key, name)))
            continue
        there[name] = value
        _move(reading.places, (key, name), places, (key, name))


def _extend(there: object, more: object, key: str, places: Places, others: Places) -> list[object]:
    first = there if isinstance(there, list) else [there]
    second = more if isinstance(more, list) else [more]
    for position in range(len(second)):
        source: KeyPath = (key, position) if isinstance(more, list) else (key,)
        _move(others, source, places, (key, len(first) + position))
    return [*first, *second]


def _move(source: Places, path: KeyPath, target: Places, to: KeyPath) -> None:
    for where, place in source.items():
        if where[: len(path)] == path:
            target[to + where[len(path) :]] = place


def _twice(places: Places, others: Places, path: KeyPath) -> Problem:
    first = places.nearest(path)
    expected = f"it once, and it is at {first.file}:{first.line} already"
    return others.at(path, expected, "it again")
