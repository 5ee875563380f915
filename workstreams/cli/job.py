"""``workstreams job``: one job, its state and its log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workstreams.cli.holding import reason
from workstreams.cli.options import ConfigPath, Json, link_to, load
from workstreams.cli.screen import fields, json_lines, say

if TYPE_CHECKING:
    from workstreams.state import JobState

__all__ = ["group"]

#: Options that repeat what the record says elsewhere.
_REPEATED = ("traceback", "requeue_timestamp")
_TIMES = ("sent", "due", "started", "ended")


def group() -> typer.Typer:
    """The commands about one job."""
    made = typer.Typer(help="One job.", no_args_is_help=True, rich_markup_mode=None)
    made.callback()(_about)
    made.command("show")(show)
    return made


def _about() -> None:
    """Show one job."""


def show(
    context: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show a job's state, why it waits, its payload, attempts, last error and log."""
    from workstreams.log.history import lines_of_job
    from workstreams.log.redact import redacted
    from workstreams.state import read_job
    from workstreams.state.decoding import readable

    declared = load(context, config)
    link = link_to(declared)
    state = read_job(link, declared, job_id)
    with readable(link):
        lines = lines_of_job(link.scripts.client, link.keys, state.workstream, state.id, until_us=state.ended)
    record = state.record()
    record["options"] = {name: value for name, value in state.options.items() if name not in _REPEATED}
    record |= redacted({name: record[name] for name in ("args", "kwargs", "options")}, declared.logs.redact)
    if json:
        json_lines([record | {"log": lines}])
        return
    fields(_details(state, record, reason(state.hold)))
    _print_log(lines)


def _details(state: JobState, record: Mapping[str, Any], why: str) -> Iterable[tuple[str, object]]:
    yield "job", state.id
    yield "workstream", state.workstream
    yield "actor", state.actor
    yield "state", state.state
    if why:
        yield "waits for", f"{why}, {state.ahead} before it" if state.ahead else why
    if state.problem:
        yield "problem", state.problem
    for name in ("args", "kwargs", "options"):
        if record[name]:
            yield name, _json(record[name])
    if state.key:
        yield "key", state.key
    yield from _history(state, record)


def _history(state: JobState, record: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    yield "attempts", f"{state.attempt} ({state.deliveries} deliveries, {state.crashes} ended by a crash)"
    if state.worker:
        yield "worker", state.worker
    for name in _TIMES:
        if record[name]:
            yield name, record[name]
    if state.error is not None:
        yield "error", f"{state.error.get('type', '')}: {state.error.get('message', '')}"
        if state.error.get("traceback"):
            yield "", state.error["traceback"]


def _json(value: object) -> str:
    from workstreams.log.values import encode

    return encode({"": value}).decode()[4:-1]


def _print_log(lines: Iterable[Mapping[str, Any]]) -> None:
    from workstreams.log.render import renderer

    write = renderer(sys.stdout, "pretty")
    for number, line in enumerate(lines):
        if number == 0:
            say("")
        say(write(line))
