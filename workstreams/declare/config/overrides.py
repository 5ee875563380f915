"""What the environment and flags say over the files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from workstreams.declare.config.places import KeyPath, Place, Places, shown
from workstreams.declare.config.scalars import Untyped, typed
from workstreams.errors import Problem, nearest

__all__ = ["OVERRIDABLE", "apply_overrides"]

_PREFIX = "WORKSTREAMS_"

#: Dotted keys that a variable or a flag may set, with the place in the document.
OVERRIDABLE: Mapping[str, KeyPath] = {
    "app": ("app",),
    "version": ("version",),
    "redis": ("redis",),
    "state_dir": ("state_dir",),
    "worker.processes": ("worker", "pools", "main", "processes"),
    "worker.lease": ("worker", "lease"),
    "worker.grace": ("worker", "grace"),
    "worker.max_deliveries": ("worker", "max_deliveries"),
    "logs.level": ("logs", "level"),
    "logs.format": ("logs", "format"),
    "web.host": ("web", "host"),
    "web.port": ("web", "port"),
    "web.token": ("web", "token"),
}


def apply_overrides(
    document: dict[str, object], places: Places, environ: Mapping[str, str], flags: Mapping[str, str]
) -> list[Problem]:
    """Set what variables and flags say; a flag beats a variable, and both beat the files.

    Parameters:
      document: Changed in place.
      places: Told where each value came from.
      environ: ``WORKSTREAMS_LOGS__LEVEL`` is ``logs.level``; an empty variable counts as not set.
      flags: By dotted key.

    Returns:
      Problems with flags that set nothing known.
    """
    for key, text in _from_environment(environ):
        _set(document, places, key, text, f"the variable {_variable(key)}")
    for key, text in flags.items():
        if key in OVERRIDABLE:
            _set(document, places, key, str(text), "a flag")
    return [_unknown(key) for key in flags if key not in OVERRIDABLE]


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key in OVERRIDABLE:
        if text := environ.get(_variable(key)):
            yield key, text


def _variable(key: str) -> str:
    return _PREFIX + key.upper().replace(".", "__")


def _set(document: dict[str, object], places: Places, key: str, text: str, origin: str) -> None:
    *sections, last = path = OVERRIDABLE[key]
    target = document
    for section in sections:
        below = typed(target.get(str(section)))
        if below is not None and not isinstance(below, dict):
            return  # The section itself is a problem, which is told by its own place.
        target[str(section)] = target = dict(below or {})
    # A path that is typed in a shell is meant from there, not from the config file.
    target[str(last)] = Untyped(os.path.abspath(text) if key == "state_dir" else text)
    places[path] = Place(tuple(key.split(".")), origin=(origin,))


def _unknown(key: str) -> Problem:
    close = nearest(key, OVERRIDABLE)
    hint = f'did you mean "{close}"?' if close else f"known are {', '.join(OVERRIDABLE)}"
    return Problem("a key that a flag may set", shown(key), hint=hint)
