"""Lists of jobs, as ``jobs`` and ``dead list`` print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workstreams.cli.completing import workstreams
from workstreams.cli.holding import reason
from workstreams.cli.options import flag
from workstreams.cli.screen import Marked, json_lines, note
from workstreams.cli.tables import Ago, table

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.state import JobState, Listing

__all__ = ["Actor", "Limit", "Name", "in_colour", "print_jobs", "shown_record"]

#: Options that repeat what the record says elsewhere.
_REPEATED = ("traceback", "requeue_timestamp")

_COLOURS = {"running": "cyan", "done": "green", "dead": "red", "cancelled": "dim", "discarded": "dim"}

Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Only this workstream.", autocompletion=workstreams)
]
Actor = Annotated[str | None, flag("--actor", metavar="A", help="Only this actor.")]
Limit = Annotated[int, flag("--limit", min=1, max=10_000, metavar="N", help="At most so many.")]


def in_colour(state: str) -> object:
    """A job's state as a terminal shows it."""
    colour = _COLOURS.get(state)
    return state if colour is None else Marked(state, colour)


def shown_record(state: JobState, declared: Config) -> dict[str, Any]:
    """A job's record as it may be shown: its payload is redacted."""
    from workstreams.log.redact import redacted

    record = state.record()
    record["options"] = {name: value for name, value in state.options.items() if name not in _REPEATED}
    payload = {name: record[name] for name in ("args", "kwargs", "options")}
    record |= redacted(payload, declared.logs.redact)
    return record


def print_jobs(found: Listing, declared: Config, json: bool, nothing: str) -> None:
    """Print a list of jobs.

    Parameters:
      found: The jobs.
      declared: Says what is redacted.
      json: Whether to print JSON.
      nothing: What to say when there are none.
    """
    if json:
        json_lines(shown_record(state, declared) for state in found.jobs)
    elif found.jobs:
        table(
            ("JOB", "STREAM", "ACTOR", "STATE", "TRY", "KEY", "SINCE", "WHY"),
            map(_row, found.jobs),
            {"TRY"},
            {"KEY", "WHY"},
        )
    else:
        note(nothing)
    if not found.complete:
        note("not everything was looked at: name a workstream, a state, a key or --since")


def _row(state: JobState) -> Sequence[object]:
    return [
        *(state.id, state.workstream, state.actor, in_colour(state.state), state.attempt),
        *(state.key or "-", Ago(state.at or None), _why(state)),
    ]


def _why(state: JobState) -> str:
    if state.cancelling:
        return "asked to stop"
    if state.hold.why:
        return reason(state.hold, state.workstream)
    if state.error is not None and state.state not in ("done", "cancelled"):
        return f"{state.error.get('type', '')}: {_first_line(state.error.get('message', ''))}"
    return "-"


def _first_line(text: object) -> str:
    first = (str(text).splitlines() or [""])[0]
    return first if len(first) <= 80 else first[:79] + "…"
