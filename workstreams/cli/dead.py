"""``workstreams dead``: the dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.examples import epilog_of
from workstreams.cli.failures import FAILED, misuse
from workstreams.cli.job import Id, show_state
from workstreams.cli.listing import Actor, Limit, Name, print_jobs
from workstreams.cli.naming import job_named
from workstreams.cli.options import ConfigPath, Json, flag, link_to, load
from workstreams.cli.screen import counted, note, say

if TYPE_CHECKING:
    from workstreams.control import Change
    from workstreams.declare.config import Config
    from workstreams.store.link import Link

__all__ = ["group"]

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Ids of dead letters, or the ends of them.")
]
All = Annotated[
    # Nobody means everything by a variable that happens to be set.
    bool,
    flag("--all", allow_from_autoenv=False, help="All of them, or all of --actor, --error and --workstream."),
]
Error = Annotated[
    str | None, flag("--error", metavar="TYPE", help="Only those that died of this error: ValueError.")
]
Stream = Annotated[str | None, flag("--workstream", metavar="NAME", help="With --all: only this one's.")]

Named = Callable[["Link", str, Sequence[str]], "list[Change]"]
Every = Callable[["Link", str], int]


def group() -> typer.Typer:
    """The commands about dead letters."""
    made = typer.Typer(help="The dead letters.", no_args_is_help=True, rich_markup_mode=None)
    for name, function in (("list", listed), ("show", show), ("retry", retry), ("discard", discard)):
        made.command(name, epilog=epilog_of(f"dead {name}"))(function)
    return made


def listed(
    context: typer.Context,
    name: Name = None,
    actor: Actor = None,
    error: Error = None,
    limit: Limit = 50,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """List dead letters, those first that died last."""
    from workstreams.state import JobFilter, list_jobs

    declared = load(context, config)
    names = None if name is None else [declared.workstream(name).name]
    found = list_jobs(link_to(declared), declared, names, JobFilter("dead", actor, limit=limit, error=error))
    any_of_them = name is None and actor is None and error is None
    print_jobs(found, declared, json, "no job is dead" if any_of_them else "there is no such dead letter")


def show(
    context: typer.Context,
    job_id: Id,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show a dead letter: its payload, its last error and its log."""
    from workstreams.errors import WrongJobState
    from workstreams.state import read_job

    declared = load(context, config)
    link = link_to(declared)
    workstream, job_id = job_named(link, declared, job_id)
    state = read_job(link, declared, job_id, workstream)
    if state.state != "dead":
        raise WrongJobState(job_id, state.state, "to be a dead letter")
    show_state(link, declared, state, json)


def retry(
    context: typer.Context,
    ids: Ids = None,
    everything: All = False,
    actor: Actor = None,
    error: Error = None,
    workstream: Stream = None,
    config: ConfigPath = None,
) -> None:
    """Let dead letters wait again, with all their attempts before them."""
    from workstreams.control import retry_all, retry_jobs

    _check(ids, everything, {"--actor": actor, "--error": error, "--workstream": workstream})
    declared = load(context, config)
    if everything:
        _apply_all(declared, workstream, lambda link, ws: retry_all(link, ws, actor, error), "retried")
    else:
        _apply(declared, ids or [], lambda link, ws, jobs: retry_jobs(link, ws, jobs, "dead"), "retried")


def discard(
    context: typer.Context,
    ids: Ids = None,
    everything: All = False,
    actor: Actor = None,
    error: Error = None,
    workstream: Stream = None,
    config: ConfigPath = None,
) -> None:
    """Give dead letters up.

    They are kept as discarded for as long as finished jobs.
    """
    from workstreams.control import discard_all, discard_dead

    _check(ids, everything, {"--actor": actor, "--error": error, "--workstream": workstream})
    declared = load(context, config)
    if everything:
        _apply_all(declared, workstream, lambda link, ws: discard_all(link, ws, actor, error), "discarded")
    else:
        _apply(declared, ids or [], discard_dead, "discarded")


def _check(ids: list[str] | None, everything: bool, of: Mapping[str, str | None]) -> None:
    if everything and ids:
        raise misuse("--all", "ids or --all", " ".join(ids))
    if not everything and not ids:
        raise misuse("ID", "the ids of dead letters, or --all")
    for name, value in of.items():
        if value is not None and not everything:
            raise misuse(name, "it beside --all", f"it without, with {value}", typed=False)


def _apply_all(declared: Config, workstream: str | None, change: Every, verb: str) -> None:
    names = list(declared.workstreams) if workstream is None else [declared.workstream(workstream).name]
    link = link_to(declared)
    total = sum(change(link, name) for name in names)
    say(f"{counted(total, 'dead letter')} {verb}")


def _apply(declared: Config, ids: Sequence[str], change: Named, verb: str) -> None:
    from workstreams.errors import JobNotFound, WrongJobState

    link, failed = link_to(declared), False
    for typed in dict.fromkeys(ids):
        try:
            workstream, job_id = job_named(link, declared, typed)
            found = change(link, workstream, [job_id])[0]
            if not found.done:
                raise WrongJobState(job_id, found.was, "to be a dead letter")
        except (JobNotFound, WrongJobState) as error:
            # The others are not to suffer from one that is gone.
            note(f"error: {error}")
            failed = True
        else:
            say(f"{job_id} {verb}")
    if failed:
        raise typer.Exit(FAILED)
