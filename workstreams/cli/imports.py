"""Imports what a config lists, and says what a user did wrong there without a traceback."""

from __future__ import annotations

from workstreams.declare.config import Config
from workstreams.declare.references import import_actors
from workstreams.errors import ConfigError, Problem, nearest

__all__ = ["actors_of"]


def actors_of(config: Config) -> tuple[dict[str, list[str]], list[Problem]]:
    """Import the modules of a config, and look at the actors they declare.

    Parameters:
      config: Lists the modules; it becomes the config of this process.

    Returns:
      Names of actors by workstream, and everything that is wrong: modules that cannot be imported, and
      actors whose workstream is not declared, or whose jobs cost what their limits never permit.
    """
    from workstreams.app import configure, current_broker
    from workstreams.send.cost_check import check_cost

    problems: list[Problem] = []
    try:
        configure(config)
        problems += _import(config)
        declared = list(current_broker().actors.values())
    except ConfigError as error:
        return {}, [*problems, *error.problems]
    found: dict[str, list[str]] = {}
    for actor in sorted(declared, key=lambda one: one.actor_name):
        found.setdefault(actor.queue_name, []).append(actor.actor_name)
    problems += [
        _undeclared(name, actors, config) for name, actors in found.items() if name not in config.workstreams
    ]
    problems += [problem for actor in declared for problem in check_cost(config, actor)]
    return found, problems


def _import(config: Config) -> list[Problem]:
    try:
        import_actors(config)
    except ConfigError as error:
        return list(error.problems)
    return []


def _undeclared(name: str, actors: list[str], config: Config) -> Problem:
    close = nearest(name, config.workstreams)
    hint = f'did you mean "{close}"?' if close else f"declared are {', '.join(config.workstreams) or 'none'}"
    return Problem(
        f"a declared workstream for the actor {', '.join(actors)}", f'"{name}"', "workstreams", hint=hint
    )
