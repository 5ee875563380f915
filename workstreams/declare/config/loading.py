"""From files, or a mapping, to a Config; every problem of every file is told at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from workstreams.declare.config.config import Config
from workstreams.declare.config.explain import explain
from workstreams.declare.config.later import check_later
from workstreams.declare.config.mapping import plain
from workstreams.declare.config.merging import merge
from workstreams.declare.config.overrides import apply_overrides
from workstreams.declare.config.places import Places
from workstreams.declare.config.reading import Reading, read_yaml
from workstreams.declare.config.references import check_references
from workstreams.declare.config.scalars import BROKEN
from workstreams.declare.config.shaping import absolute_paths, spread_defaults, spread_processes
from workstreams.declare.config.sources import find_sources, read_text
from workstreams.declare.config.workstream import Workstream
from workstreams.errors import ConfigError, Problem

__all__ = ["config_from_mapping", "load_config"]


def load_config(
    path: Path | str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Config:
    """Read the config.

    Parameters:
      path: A file or a folder; WORKSTREAMS_CONFIG or ``./config`` when left out.
      environ: Variables; those of the process when left out.
      overrides: Flags by dotted key (``logs.level``), which beat the environment, which beats the files.

    Raises:
      ConfigError: With every problem of every file.
    """
    environ = os.environ if environ is None else environ
    sources = find_sources(path, environ)
    readings = [_read(file, environ) for file in sources.files]
    merged = merge(readings)
    whole = all(reading.data is not BROKEN for reading in readings)
    config = _build(merged, sources.base, environ, overrides or {}, files=sources.files, whole=whole)
    return config.read_from(sources.files)


def config_from_mapping(document: Mapping[str, object], base: Path) -> Config:
    """Build a config in memory, checked like a file's; nothing is interpolated or overridden.

    Parameters:
      document: What the file would say, in plain data.
      base: The folder that relative paths start from.

    Raises:
      ConfigError: With every problem.
    """
    reading = plain(document)
    return _build(reading, Path(os.path.abspath(base)), {}, {})


def _read(file: Path, environ: Mapping[str, str]) -> Reading:
    try:
        return read_yaml(read_text(file), file, environ)
    except ConfigError as error:
        return Reading(BROKEN, Places(), list(error.problems))


def _build(
    reading: Reading,
    base: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, str],
    *,
    files: tuple[Path, ...] = (),
    whole: bool = True,
) -> Config:
    document = dict(reading.data) if isinstance(reading.data, dict) else {}
    places, problems = reading.places, list(reading.problems)
    problems += spread_processes(document, places)
    problems += apply_overrides(document, places, environ, flags)
    defaults = spread_defaults(document)
    absolute_paths(document, places, base)
    problems += check_later(document, places)
    if whole:  # Names that an unreadable file declares would all seem unknown.
        problems += check_references(document, places)
    problems += _wrong_defaults(defaults, places)
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems += explain(error, Config, places)
    if problems:
        raise ConfigError(_in_order(problems, files)) from None
    return config


def _wrong_defaults(defaults: object, places: Places) -> Iterator[Problem]:
    if defaults is None or defaults is BROKEN:
        return
    if not isinstance(defaults, dict):
        yield places.problem(("defaults",), "a mapping of keys of a workstream", defaults)
        return
    try:
        Workstream.model_validate(defaults)
    except ValidationError as error:
        yield from explain(error, Workstream, places, below=("defaults",), alone=False)


def _in_order(problems: list[Problem], files: tuple[Path, ...]) -> list[Problem]:
    """Each problem once, by file and line; what comes from the environment or a flag first."""

    def place(problem: Problem) -> tuple[int, int]:
        known = problem.file in files
        return (files.index(problem.file) if known and problem.file else -1, problem.line or 0)

    return sorted(dict.fromkeys(problems), key=place)
