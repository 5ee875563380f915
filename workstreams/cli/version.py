"""``workstreams version``: the versions of everything that matters in a report."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from workstreams.cli.options import Json
from workstreams.cli.screen import fields, json_lines

__all__ = ["NAME", "command"]

NAME = "version"

_PACKAGES = ("dramatiq", "redis", "pydantic", "structlog", "apscheduler", "typer", "rich")


def command(json: Json = False) -> None:
    """Print the versions of everything that matters."""
    found = dict(_versions())
    if json:
        json_lines([found])
    else:
        fields(found.items())


def _versions() -> Iterator[tuple[str, str]]:
    from importlib.metadata import PackageNotFoundError, version

    for name, package in (("workstreams", "dramatiq-workstreams"), *((one, one) for one in _PACKAGES)):
        try:
            yield name, version(package)
        except PackageNotFoundError:
            yield name, "unknown"
    yield "python", platform.python_version()
    yield "engine", _engine()


def _engine() -> str:
    from workstreams.errors import RedisUnavailable
    from workstreams.store.embedded.locate import find_engine

    try:
        return str(find_engine())
    except RedisUnavailable:
        return "none"
