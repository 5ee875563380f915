"""Holds declared actors against the config: an actor's workstream must be one that is declared."""

from __future__ import annotations

from collections.abc import Mapping

from workstreams.declare.config import Config
from workstreams.errors import ConfigError, Problem, nearest

__all__ = ["check_actors"]


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
