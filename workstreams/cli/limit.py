"""``workstreams limit``: what limits allow and how much is used; changes them for the whole fleet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.completing import limits
from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, Json, flag, link_to, load
from workstreams.cli.screen import Marked, fields, json_lines, say, shown, span
from workstreams.cli.tables import table

if TYPE_CHECKING:
    from workstreams.control import LimitChange
    from workstreams.declare.config import Config
    from workstreams.state import LimitState
    from workstreams.store.link import Link
    from workstreams.units import Rate

__all__ = ["NAME", "command"]

NAME = "limit"

_COLUMNS = ("LIMIT", "RATE", "USED", "RUNNING", "FREE", "HOLDS")

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A workstream, or a shared limit.", autocompletion=limits),
]
Key = Annotated[str | None, flag("--key", metavar="K", help="Only of this key (tenant) of a workstream.")]
Rates = Annotated[
    list[str] | None,
    flag("--rate", metavar="R", help="So many in a window: 20/s, 10000/h; several hold together."),
]
Concurrency = Annotated[
    str | None, flag("--concurrency", metavar="N", help='So many jobs at once; "none" is without bound.')
]
Burst = Annotated[
    int | None,
    flag("--burst", metavar="B", help="So many at the same instant, for the shortest rate."),
]
Reset = Annotated[bool, flag("--reset", help="Back to what the file says.")]


def command(
    context: typer.Context,
    name: Name = None,
    key: Key = None,
    rate: Rates = None,
    concurrency: Concurrency = None,
    burst: Burst = None,
    reset: Reset = False,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show what limits allow and how much is used, or change it.

    A change is in force for the whole fleet at once, over restarts, until it is reset; what is not
    given stays as it is.
    """
    change = _change(rate or [], concurrency, burst)
    _check(name, key, change, reset)
    declared = load(context, config)
    link = link_to(declared)
    if name is not None and (reset or change is not None):
        _carry_out(link, declared, name, key or "", None if reset else change)
        _tell_change(link, declared, name, key or "", json)
    else:
        _show(link, declared, name, key or "", json)


def _change(rates: Sequence[str], concurrency: str | None, burst: int | None) -> LimitChange | None:
    """What was typed as a change; None when none was.

    Raises:
      ConfigError: When a value says nothing.
    """
    if not rates and concurrency is None and burst is None:
        return None
    from workstreams.control import LimitChange

    unbounded = concurrency == "none"
    slots = None if concurrency is None or unbounded else _slots(concurrency)
    return LimitChange(tuple(map(_rate, rates)), burst, slots, unbounded)


def _rate(text: str) -> Rate:
    from workstreams.units import parse_rate

    try:
        return parse_rate(text)
    except ValueError as error:
        raise misuse("--rate", str(error), text) from None


def _slots(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    raise misuse("--concurrency", 'a whole number of at least 1, or "none"', text)


def _check(name: str | None, key: str | None, change: LimitChange | None, reset: bool) -> None:
    if reset and change is not None:
        raise misuse("--reset", "nothing to set beside it", "values", typed=False)
    if name is None and (key is not None or reset or change is not None):
        raise misuse("NAME", "the workstream or limit that is meant")
    if key == "":
        raise misuse("--key", "a key", key)


def _carry_out(link: Link, declared: Config, name: str, key: str, change: LimitChange | None) -> None:
    from workstreams.control import change_limit, reset_limit

    if change is None:
        reset_limit(link, declared, name, key)
    else:
        change_limit(link, declared, name, change, key)


def _tell_change(link: Link, declared: Config, name: str, key: str, json: bool) -> None:
    from workstreams.state import read_limits

    [state] = read_limits(link, declared, [(name, key)])
    if json:
        json_lines([state.record()])
    else:
        whose = f"{name}, key {shown(key)}" if key else name
        say(f"{whose}: rate {_rate_words(state)}, concurrency {_concurrency_words(state)}")


def _show(link: Link, declared: Config, name: str | None, key: str, json: bool) -> None:
    from workstreams.control import refuse_key
    from workstreams.state import find_limit, read_limits

    if name is not None:
        refuse_key(find_limit(declared, name), key)
    wants = [(one, "") for one in declared.limit_names] if name is None else [(name, key)]
    states = read_limits(link, declared, wants)
    if json:
        json_lines(state.record() for state in states)
    elif name is not None:
        fields(_details(states[0]))
    else:
        table(_COLUMNS, map(_row, states), (), {"FREE", "HOLDS"})


def _row(state: LimitState) -> Sequence[object]:
    held = ", ".join(state.held) if state.shared else ""
    return [state.name, _rate_words(state), _used(state) or "-", _running(state), _free(state), held or "-"]


def _rate_words(state: LimitState) -> str:
    from workstreams.state import rates_in_words

    words = rates_in_words(state.in_force.rates)
    if "rates" in state.overridden:
        return f"{words} (file: {rates_in_words(state.file.rates)})"
    return words if state.in_force.rates else "-"


def _concurrency_words(state: LimitState) -> str:
    words = _bound(state.in_force.concurrency)
    return f"{words} (file: {_bound(state.file.concurrency)})" if "concurrency" in state.overridden else words


def _bound(concurrency: int | None) -> str:
    return "none" if concurrency is None else str(concurrency)


def _used(state: LimitState) -> str:
    return ", ".join(str(rate) for rate in state.rates)


def _running(state: LimitState) -> str:
    if state.running is None:
        return _concurrency_words(state)
    if state.in_force.concurrency is None and "concurrency" not in state.overridden:
        return str(state.running)
    return f"{state.running} of {_concurrency_words(state)}"


def _free(state: LimitState) -> object:
    if state.problem:
        return Marked("unreadable data in Redis", "red")
    if state.paused:
        return Marked("paused", "yellow")
    if state.blocked_until is None:
        return "-"
    return f"in {span(max(state.blocked_until - state.at, 0))}"


def _details(state: LimitState) -> Iterable[tuple[str, object]]:
    yield "limit", state.name
    if state.key:
        yield "key", state.key
    if state.problem:
        yield "problem", state.problem
    if not state.published:
        yield "published", "not yet: a worker's start or the first send does it"
    yield "rate", _rate_words(state)
    for rate in state.rates:
        yield "  used", rate
    yield "concurrency", _concurrency_words(state)
    if state.running is not None:
        yield "  running", state.running
    yield "free", "now" if _free(state) == "-" else _free(state)
    if state.shared:
        yield "holds", ", ".join(state.held) or "no workstream"
    if state.keys:
        yield "other keys", f"{', '.join(state.keys)} (set live)"
