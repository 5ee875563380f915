"""Imports the modules of a config, and holds their actors against it: what it names must be there."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

from workstreams.declare.config import Config
from workstreams.errors import ConfigError, Problem, nearest

__all__ = ["check_actors", "import_actors"]


def import_actors(config: Config) -> None:
    """Import the modules that the config lists, with its folders first on the path.

    Raises:
      ConfigError: With every module that could not be imported, and why.
    """
    for folder in reversed(config.path):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    problems: list[Problem] = []
    for module in config.imports:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:
            problems.append(_problem(module, error, config.path))
    if problems:
        raise ConfigError(problems)


def _problem(module: str, error: BaseException, folders: Iterable[Path]) -> Problem:
    """What a module raised while it was imported, and where.

    Parameters:
      module: Its name.
      error: What was raised.
      folders: Where the user's own modules are: what a library raised is told at the line of
        theirs that called it.
    """
    expected, searched = "a module that can be imported", ", ".join(str(folder) for folder in folders)
    kind = f"{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return Problem(expected, f'"{module}": {error}', "import", hint=f"path: {searched}")
    if isinstance(error, SyntaxError) and error.filename:
        return Problem(expected, kind, f"import {module}", Path(error.filename), error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if any(Path(frame.filename).is_relative_to(one) for one in folders)]
    last = (own or frames)[-1]
    return Problem(expected, kind, f"import {module}", Path(last.filename), last.lineno)


def check_actors(config: Config, actors: Mapping[str, str]) -> None:
    """Check that every actor's workstream is declared.

    Parameters:
      config: The config.
      actors: Actor → workstream, as the imported modules declare them.

    Raises:
      ConfigError: With every actor whose workstream is not declared.
    """
    problems: list[Problem] = []
    for actor, workstream in sorted(actors.items()):
        if workstream in config.workstreams:
            continue
        close = nearest(workstream, config.workstreams)
        hint = f'did you mean "{close}"?' if close else "declare it under workstreams:"
        problems.append(Problem("a declared workstream", f'"{workstream}"', f"actor {actor}", hint=hint))
    if problems:
        raise ConfigError(problems)
