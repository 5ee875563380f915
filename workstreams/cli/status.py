"""``workstreams status``: what every workstream is doing, and why it waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.completing import workstreams
from workstreams.cli.holding import reason
from workstreams.cli.options import ConfigPath, Json, flag, link_to, load
from workstreams.cli.screen import Marked, fields, json_lines, span
from workstreams.cli.tables import table
from workstreams.cli.watching import check_watchable, repeat

if TYPE_CHECKING:
    from workstreams.state import WorkstreamState

__all__ = ["NAME", "command"]

NAME = "status"

#: Short, since all of them should stand beside each other in 80 columns.
_COLUMNS = (
    *("STREAM", "WAITING", "LATER", "RUNNING", "RATE", "HELD BY", "OLDEST"),
    *("DONE/M", "FAIL/M", "DEAD", "WORKERS"),
)
_NUMBERS = {"WAITING", "LATER", "RUNNING", "OLDEST", "DONE/M", "FAIL/M", "DEAD", "WORKERS"}


def command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Only this workstream, in detail.", autocompletion=workstreams),
    ] = None,
    watch: Annotated[bool, flag("--watch", help="Once a second, on a terminal; Ctrl-C ends it.")] = False,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show what each workstream does, and why it waits.

    Rates are told as used of allowed in the window that ends now.
    """
    from workstreams.state import read_status

    if watch:
        check_watchable(json)
    declared = load(context, config)
    link, names = link_to(declared), None if name is None else [name]

    def show() -> None:
        states = read_status(link, declared, names)
        if json:
            json_lines(state.record() for state in states)
        elif name is not None:
            fields(_details(states[0]))
        else:
            table(_COLUMNS, [_row(state) for state in states], _NUMBERS, {"LATER", "FAIL/M", "DEAD"})

    if watch:
        repeat(show, f"{declared.app}, every second")
    else:
        show()


def _row(state: WorkstreamState) -> list[object]:
    return [
        state.name,
        state.waiting,
        state.scheduled,
        _running(state),
        ", ".join(_rates(state)) or "-",
        _held(state),
        "-" if state.oldest_wait is None else span(state.oldest_wait),
        f"{state.per_minute('done'):.0f}",
        _unless_none(f"{state.per_minute('failed'):.0f}", "yellow"),
        _unless_none(state.dead, "red"),
        state.workers,
    ]


def _held(state: WorkstreamState) -> object:
    held = reason(state.hold, state.name, state.at) or ("paused" if state.paused else "-")
    colour = "yellow" if held == "paused" else {"paused": "yellow", "no worker": "red"}.get(state.hold.why)
    return held if colour is None else Marked(held, colour)


def _unless_none(number: object, colour: str) -> object:
    return number if str(number) == "0" else Marked(number, colour)


def _running(state: WorkstreamState) -> str:
    running = str(state.running) if state.concurrency is None else f"{state.running} of {state.concurrency}"
    return running + _file(state, state.name, "concurrency")


def _file(state: WorkstreamState, limit: str, what: str) -> str:
    """What the file says, where something else holds."""
    said = state.file_of(limit, what)
    return "" if said is None else f" (file: {said})"


def _rates(state: WorkstreamState) -> Iterable[str]:
    last = {rate.limit: rate for rate in state.rates}
    for rate in state.rates:
        whose = "" if rate.limit == state.name else f"{rate.limit} "
        yield f"{whose}{rate}" + (_file(state, rate.limit, "rates") if rate is last[rate.limit] else "")


def _details(state: WorkstreamState) -> Iterable[tuple[str, object]]:
    yield "workstream", state.name
    if state.problem:
        yield "problem", state.problem
    yield "held by", reason(state.hold, state.name, state.at) or "nothing: nothing waits"
    yield "waiting", state.waiting
    if state.oldest_wait is not None:
        yield "oldest wait", span(state.oldest_wait)
    yield "scheduled", state.scheduled
    yield "running", _running(state)
    for slot in state.slots:
        if slot.limit != state.name:
            yield f"  within {slot.limit}", f"{slot}{_file(state, slot.limit, 'concurrency')}"
    for rate in state.rates:
        label = "rate" if rate.limit == state.name else f"  within {rate.limit}"
        yield label, f"{rate}{_file(state, rate.limit, 'rates')}"
    yield "dead", state.dead
    yield "late starts", state.late
    yield "workers", state.workers
    for label, minute in (("this minute", state.this_minute), ("last minute", state.last_minute)):
        yield label, f"{minute.sent} sent, {minute.done} done, {minute.failed} failed, {minute.dead} dead"
