"""``workstreams job``: one job, its state and its log; cancels and retries it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workstreams.cli.examples import epilog_of
from workstreams.cli.holding import reason
from workstreams.cli.listing import in_colour, shown_record
from workstreams.cli.naming import job_named
from workstreams.cli.options import ConfigPath, Json, link_to, load
from workstreams.cli.screen import fields, json_lines, say

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.state import JobState
    from workstreams.store.link import Link

__all__ = ["Id", "group", "show_state"]

_TIMES = ("sent", "due", "started", "ended")

#: µs that a running job has to hear of its cancel, and to stop.
_STOPS_IN = 1_000_000

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id, or the end of it that a line of the log shows.")
]


def group() -> typer.Typer:
    """The commands about one job."""
    made = typer.Typer(help="One job.", no_args_is_help=True, rich_markup_mode=None)
    made.callback()(_about)
    for name, function in (("show", show), ("retry", retry), ("cancel", cancel)):
        made.command(name, epilog=epilog_of(f"job {name}"))(function)
    return made


def _about() -> None:
    """Show, retry or cancel one job."""


def show(context: typer.Context, job_id: Id, json: Json = False, config: ConfigPath = None) -> None:
    """Show a job's state, why it waits, its error and its log."""
    from workstreams.state import read_job

    declared = load(context, config)
    link = link_to(declared)
    workstream, job_id = job_named(link, declared, job_id)
    show_state(link, declared, read_job(link, declared, job_id, workstream), json)


def show_state(link: Link, declared: Config, state: JobState, json: bool) -> None:
    """Print a job's state and log."""
    from workstreams.log.history import lines_of_job
    from workstreams.store.readable import readable

    with readable(link):
        lines = lines_of_job(link.scripts.client, link.keys, state.workstream, state.id, until_us=state.ended)
    record = shown_record(state, declared)
    if json:
        json_lines([record | {"log": lines}])
        return
    fields(_details(state, record, reason(state.hold, state.workstream)))
    shown = {str((state.error or {}).get("traceback", "")).strip()}
    _print_log(_without_repetitions(_without_old_progress(lines), shown))


def retry(context: typer.Context, job_id: Id, config: ConfigPath = None) -> None:
    """Let an ended job wait again, or a scheduled one start now.

    It has all its attempts before it.
    """
    from workstreams.control import retry_jobs
    from workstreams.errors import WrongJobState
    from workstreams.state import ENDED

    declared = load(context, config)
    link = link_to(declared)
    workstream, job_id = job_named(link, declared, job_id)
    [change] = retry_jobs(link, workstream, [job_id])
    if not change.done:
        raise WrongJobState(job_id, change.was, f"to be scheduled, {', '.join(ENDED[:-1])} or {ENDED[-1]}")
    say(f"{job_id} waits (it was {change.was})")


def cancel(context: typer.Context, job_id: Id, config: ConfigPath = None) -> None:
    """End a job that waits; stop one that runs.

    A running job is interrupted at its next step of Python, and is not retried. This waits a second for
    its end, and says if it goes on: after ten, its process is ended for it.
    """
    from workstreams.control import cancel_jobs
    from workstreams.errors import WrongJobState

    declared = load(context, config)
    link = link_to(declared)
    workstream, job_id = job_named(link, declared, job_id)
    [change] = cancel_jobs(link, workstream, [job_id])
    if change.was == "running":
        _tell_stopped(link, workstream, job_id)
    elif change.done or change.was == "cancelled":
        say(f"{job_id} is cancelled")
    else:
        raise WrongJobState(job_id, change.was, "to wait or to run")


def _tell_stopped(link: Link, workstream: str, job_id: str) -> None:
    from workstreams.control import wait_for_end
    from workstreams.errors import JobTimeout, WrongJobState

    try:
        ended = wait_for_end(link, workstream, job_id, _STOPS_IN)
    except JobTimeout:
        say(f"{job_id} was asked to stop and still runs; if it goes on, its process is ended for it")
        return
    if ended != "cancelled":
        raise WrongJobState(job_id, ended, "to stop")
    say(f"{job_id} is cancelled (it ran)")


def _details(state: JobState, record: Mapping[str, Any], why: str) -> Iterable[tuple[str, object]]:
    yield "job", state.id
    yield "workstream", state.workstream
    yield "actor", state.actor
    yield "state", f"{state.state}, asked to stop" if state.cancelling else in_colour(state.state)
    if state.progress is not None:
        yield "progress", _progress(state.progress)
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
    if state.deliveries:
        yield "attempts", _attempts(state)
    if state.worker:
        yield "worker", state.worker
    for name in _TIMES:
        if record[name]:
            yield name, record[name]
    if state.error is not None:
        yield "error", f"{state.error.get('type', '')}: {state.error.get('message', '')}"
        if state.error.get("traceback"):
            yield "", state.error["traceback"]


def _attempts(state: JobState) -> str:
    """How often it was tried, and how often it was given to a worker where that differs."""
    more = [] if state.deliveries == state.attempt else [f"given to a worker {state.deliveries} times"]
    more += [f"{state.crashes} ended by a crash"] if state.crashes else []
    return ", ".join([str(state.attempt), *more])


def _without_repetitions(lines: Iterable[Mapping[str, Any]], shown: set[str]) -> Iterable[Mapping[str, Any]]:
    """A traceback is read once: later lines with the same one go without it."""
    for line in lines:
        trace = str(line.get("exception", "")).strip()
        repeated = trace in shown
        shown.add(trace)
        yield {name: value for name, value in line.items() if name != "exception" or not repeated}


def _without_old_progress(lines: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """For people the last one says it all, and a long job has many."""
    from workstreams.state.progress import EVENT

    last = max((place for place, line in enumerate(lines) if line["event"] == EVENT), default=-1)
    return (line for place, line in enumerate(lines) if place >= last or line["event"] != EVENT)


def _progress(progress: Mapping[str, Any]) -> str:
    step = f", {progress['step']}" if progress["step"] is not None else ""
    return f"{progress['fraction']:.0%}{step} (at {progress['at']})"


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
