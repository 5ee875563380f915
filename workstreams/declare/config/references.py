"""Names that a document uses have to be names that it declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workstreams.declare.config.places import KeyPath, Places, shown
from workstreams.errors import Problem, nearest

__all__ = ["check_references"]

_DEFAULT_POOL = "main"


def check_references(document: Mapping[str, object], places: Places) -> Iterator[Problem]:
    """Check every name that points at another section.

    Parameters:
      document: In its long form; sections that are not mappings are left to the models.
      places: Where each value was written.
    """
    limits, workstreams = _section(document, "limits"), _section(document, "workstreams")
    for name in workstreams:
        if name in limits:
            first = places.nearest(("limits", name))
            expected = f"another name than the limit's{f' on line {first.line}' if first.line else ''}"
            hint = "limits and workstreams are one namespace"
            yield places.at(("workstreams", name), expected, shown(name), hint)
    for name, body in workstreams.items():
        if isinstance(body, Mapping):
            yield from _within(("workstreams", name, "within"), body, limits, places)
            yield from _pool(("workstreams", name, "pool"), body, document, places)
    yield from _shards(workstreams, places)
    for name, body in _section(document, "schedules").items():
        if isinstance(body, Mapping) and isinstance(body.get("workstream"), str):
            path = ("schedules", name, "workstream")
            yield from _declared(path, body["workstream"], workstreams, "workstream", places)


def _section(document: Mapping[str, object], key: str) -> Mapping[str, Any]:
    section = document.get(key)
    return section if isinstance(section, Mapping) else {}


def _declared(path: KeyPath, name: str, known: Iterable[str], kind: str, places: Places) -> Iterator[Problem]:
    known = list(known)
    if name not in known:
        close = nearest(name, known)
        hint = f'did you mean "{close}"?' if close else f"declared are {', '.join(known) or 'none'}"
        yield places.problem(path, f"a declared {kind}", name, hint)


def _names(value: object) -> list[tuple[int, str]]:
    entries = value if isinstance(value, list | tuple) else [value]
    return [(position, entry) for position, entry in enumerate(entries) if isinstance(entry, str)]


def _within(
    path: KeyPath, body: Mapping[str, Any], limits: Iterable[str], places: Places
) -> Iterator[Problem]:
    for position, name in _names(body.get("within")):
        yield from _declared((*path, position), name, limits, "limit", places)


def _pool(
    path: KeyPath, body: Mapping[str, Any], document: Mapping[str, object], places: Places
) -> Iterator[Problem]:
    pools = _section(document, "worker").get("pools")
    known = [_DEFAULT_POOL] if pools is None else pools
    name = body.get("pool", _DEFAULT_POOL)
    if isinstance(name, str) and isinstance(known, Mapping | list):
        yield from _declared(path, name, known, "pool", places)


def _shards(workstreams: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    """Workstreams within one limit have to be in one shard: a script reaches the keys of one only."""
    first: dict[str, tuple[str, object]] = {}
    for name, body in workstreams.items():
        if not isinstance(body, Mapping):
            continue
        for _, limit in _names(body.get("within")):
            other, shard = first.setdefault(limit, (name, body.get("shard")))
            if shard != body.get("shard"):
                expected = f'the shard of "{other}", which is within the limit "{limit}" as well'
                hint = "give both the same shard, or each shard a limit of its own"
                yield places.problem(("workstreams", name, "shard"), expected, body.get("shard"), hint)
