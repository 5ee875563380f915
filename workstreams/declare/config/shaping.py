"""A document in its long form: shorthands written out, defaults under each workstream, paths absolute."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from workstreams.declare.config.places import KeyPath, Place, Places
from workstreams.declare.config.scalars import typed
from workstreams.declare.config.worker import Pool
from workstreams.declare.config.workstream import Retries, Workstream
from workstreams.errors import Problem

__all__ = ["absolute_paths", "spread_defaults", "spread_processes"]

_STATE_DIR = ".workstreams"


def spread_processes(document: dict[str, object], places: Places) -> list[Problem]:
    """``worker: {processes: 2}`` as the pool ``main``, and each pool in its long form."""
    worker = typed(document.get("worker"))
    if not isinstance(worker, dict):
        return []
    document["worker"] = worker = dict(worker)
    if isinstance(worker.get("pools"), dict):
        worker["pools"] = {name: Pool.expand(typed(pool)) for name, pool in worker["pools"].items()}
    if "processes" not in worker:
        return []
    main = {"processes": worker.pop("processes")}
    if worker.get("pools") is not None:
        expected = "either processes, which is the pool main, or pools"
        return [places.at(("worker", "processes"), expected, "both")]
    worker["pools"] = {"main": main}
    written = places.nearest(("worker", "processes"))
    places["worker", "pools", "main", "processes"] = written
    return []


def spread_defaults(document: dict[str, object]) -> object:
    """Put ``defaults`` under each workstream; what a workstream says itself wins, key by key.

    Returns:
      The defaults, which are a section of their own no longer.
    """
    defaults = document.pop("defaults", None)
    workstreams = document.get("workstreams")
    if isinstance(workstreams, dict):
        below = defaults if isinstance(defaults, dict) else {}
        document["workstreams"] = {name: _under(below, own) for name, own in workstreams.items()}
    return defaults


def _under(defaults: Mapping[str, object], own: object) -> object:
    own = Workstream.expand(typed(own))
    if own is None:
        return dict(defaults)
    return _merged(defaults, own) if isinstance(own, Mapping) else own


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    return {**below, **{key: _one(key, below.get(key), value) for key, value in above.items()}}


def _one(key: str, below: object, above: object) -> object:
    if key == "retries":
        below, above = Retries.expand(typed(below)), Retries.expand(typed(above))
    # A rate is one value, however it is written.
    if key != "rate" and isinstance(below, Mapping) and isinstance(above, Mapping):
        return _merged(below, above)
    return above


def absolute_paths(document: dict[str, object], places: Places, base: Path) -> None:
    """Make ``path`` and ``state_dir`` absolute, each from the folder of the file it stands in.

    Links are not followed: ``..`` is the folder that the user sees above a linked one.

    Parameters:
      document: Changed in place.
      places: Where each value was written.
      base: What ``path`` is when it is left out, and where ``state_dir`` is then.
    """
    path = document.get("path")
    if path is None:
        document["path"] = [str(base)]
    else:
        entries = path if isinstance(path, list | tuple) else [path]
        document["path"] = [_absolute(entry, ("path", n), places, base) for n, entry in enumerate(entries)]
    state_dir = document.get("state_dir")
    default = os.path.normpath(base / _STATE_DIR)
    document["state_dir"] = (
        default if state_dir is None else _absolute(state_dir, ("state_dir",), places, base)
    )


def _absolute(value: object, path: KeyPath, places: Places, base: Path) -> object:
    if not isinstance(value, str | Path):
        return value
    place: Place = places.nearest(path)
    return os.path.normpath((place.file.parent if place.file else base) / value)
