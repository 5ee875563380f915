"""Holds schedules against the actors that the imported modules declare."""

from __future__ import annotations

from collections.abc import Mapping

from workstreams.declare.config import Config
from workstreams.errors import PayloadError, Problem, nearest
from workstreams.schedule.orders import Orders

__all__ = ["check_schedules", "workstreams_of"]


def workstreams_of(config: Config, actors: Mapping[str, str]) -> dict[str, str]:
    """Where the jobs of each schedule wait, as far as it is known.

    Parameters:
      config: Declares the schedules.
      actors: Actor → workstream.

    Returns:
      Schedule → workstream; one whose actor is not among them is missing.
    """
    found = {
        name: schedule.workstream or actors.get(schedule.actor, "")
        for name, schedule in config.schedules.items()
    }
    return {name: workstream for name, workstream in found.items() if workstream in config.workstreams}


def check_schedules(config: Config, actors: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong with schedules beside their own text.

    Parameters:
      config: Declares the schedules.
      actors: Actor → workstream, as the imported modules declare them.
    """
    problems: list[Problem] = []
    for name, schedule in config.schedules.items():
        if schedule.actor not in actors:
            problems.append(_unknown(name, schedule.actor, actors))
    for name, workstream in workstreams_of(config, actors).items():
        try:
            Orders(config, name, config.schedules[name], workstream).of_now()
        except PayloadError as error:
            problems.append(Problem("arguments that can travel", str(error), f"schedules.{name}"))
    return problems


def _unknown(name: str, actor: str, actors: Mapping[str, str]) -> Problem:
    close = nearest(actor, actors)
    hint = f'did you mean "{close}"?' if close else "is its module listed under import: in the config?"
    return Problem("a declared actor", f'"{actor}"', f"schedules.{name}.actor", hint=hint)
