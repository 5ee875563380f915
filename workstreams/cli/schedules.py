"""``workstreams schedules``: what fires when, and firing, pausing or resuming it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.completing import schedules
from workstreams.cli.examples import epilog_of
from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, Json, link_to, load
from workstreams.cli.screen import json_lines, note, say
from workstreams.cli.tables import Ago, table
from workstreams.errors import ConfigError, nearest

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.schedule import ScheduleState

__all__ = ["group"]

_COLUMNS = ("SCHEDULE", "WHEN", "ACTOR", "STREAM", "STATE", "LAST FIRED", "LAST JOB", "NEXT")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.", autocompletion=schedules)]


def group() -> typer.Typer:
    """The commands about schedules."""
    made = typer.Typer(help="What fires when.", no_args_is_help=True, rich_markup_mode=None)
    for name, function in (("list", listed), ("run", run), ("pause", pause), ("resume", resume)):
        made.command(name, epilog=epilog_of(f"schedules {name}"))(function)
    return made


def listed(context: typer.Context, json: Json = False, config: ConfigPath = None) -> None:
    """Show every schedule: when it fires, fired last and fires next, and its last job."""
    from workstreams.schedule import read_schedules

    declared = load(context, config)
    states = read_schedules(link_to(declared), declared)
    if json:
        json_lines(state.record() for state in states)
    elif states:
        table(_COLUMNS, map(_row, states))
    else:
        note("no schedule is declared: write one under schedules: in the config")


def run(context: typer.Context, name: Name, config: ConfigPath = None) -> None:
    """Send a schedule's job now; its ticks go on as they would.

    Prints the job's id.
    """
    from workstreams.schedule import run_schedule

    declared = _declaring(context, config, name)
    say(run_schedule(link_to(declared), declared, name, _workstream(declared, name)))


def pause(context: typer.Context, name: Name, config: ConfigPath = None) -> None:
    """Let a schedule rest until it is resumed, for all schedulers at once."""
    from workstreams.schedule import pause_schedule

    changed = pause_schedule(link_to(_declaring(context, config, name)), name)
    say(f"{name} is paused" if changed else f"{name} was paused already")


def resume(context: typer.Context, name: Name, config: ConfigPath = None) -> None:
    """Let a paused schedule go on with its next tick."""
    from workstreams.schedule import resume_schedule

    declared = _declaring(context, config, name)
    changed = resume_schedule(link_to(declared), name)
    say(f"{name} goes on" if changed else f"{name} was not paused")
    if not declared.schedules[name].enabled:
        note(f"{name} does not fire all the same: its file says enabled: false")


def _declaring(context: typer.Context, path: str | None, name: str) -> Config:
    """The config, if it declares the schedule.

    Raises:
      ConfigError: When it does not.
    """
    declared = load(context, path)
    if name not in declared.schedules:
        close = nearest(name, declared.schedules)
        known = f"declared are {', '.join(declared.schedules) or 'none'}"
        raise misuse("NAME", "a declared schedule", name, f'did you mean "{close}"?' if close else known)
    return declared


def _workstream(config: Config, name: str) -> str:
    """Where a schedule's jobs wait; if only its actor knows, the modules are imported for that.

    Raises:
      ConfigError: When the actor cannot be found.
    """
    schedule = config.schedules[name]
    if schedule.workstream is not None:
        return schedule.workstream
    from workstreams.cli.imports import actors_of
    from workstreams.schedule.checking import check_schedules, workstreams_of

    declared, problems = actors_of(config)
    actors = {actor: workstream for workstream, names in declared.items() for actor in names}
    found = workstreams_of(config, actors).get(name)
    if found is None:
        raise ConfigError(problems or check_schedules(config, actors))
    return found


def _row(state: ScheduleState) -> Sequence[object]:
    from workstreams.schedule.moments import iso

    return [
        state.name,
        state.when,
        state.actor,
        state.workstream or "-",
        state.state,
        Ago(state.last_fired),
        state.last_job_state or "-",
        ", ".join(iso(tick) for tick in state.next_ticks[:1]) or "-",
    ]
