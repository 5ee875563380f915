"""Asks for the state of workstreams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from workstreams.declare.config import Config, NamedLimit
from workstreams.send.cost import Cost
from workstreams.state.batches import ask_in_batches
from workstreams.state.decoding import moment, text, whole
from workstreams.state.terms import rates_from, rates_in_words
from workstreams.state.workstream import Hold, Minute, Overridden, RateUse, SlotUse, WorkstreamState
from workstreams.store.link import Link

__all__ = ["ask", "read_status"]


def read_status(link: Link, config: Config, names: Iterable[str] | None = None) -> list[WorkstreamState]:
    """What is true of workstreams now, by Redis's clock.

    Parameters:
      link: Where they are.
      config: Declares them; tells the limits of those that nobody has published yet.
      names: Which ones; None is all that are declared.

    Returns:
      One state for each name, in order. Where something unreadable stands in Redis, the state says so.

    Raises:
      UnknownWorkstream: When the config does not declare one of them.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    wanted = list(config.workstreams if names is None else names)
    for name in wanted:
        config.workstream(name)
    return ask(link, config, [(name, 1, None) for name in wanted])


def ask(link: Link, config: Config, wants: Sequence[tuple[str, Cost, str | None]]) -> list[WorkstreamState]:
    """The states of workstreams, and why a job of the given cost and key would wait in each.

    Parameters:
      link: Where they are.
      config: Declares them.
      wants: Names, costs, and keys, "" for a job without one; None asks for whatever stands first.
    """
    replies = ask_in_batches(link, "status", wants)
    return [_state(name, at, reply, config) for (name, *_), (at, reply) in zip(wants, replies, strict=True)]


def _state(name: str, at: int, reply: bytes, config: Config) -> WorkstreamState:
    if reply.startswith(b"!"):
        return WorkstreamState(name, at, hold=Hold("unreadable"), problem=text(reply[1:]))
    found: dict[str, Any] = orjson.loads(text(reply))
    slots, rates = _slots(found["slots"]), _rates(found["rates"])
    if not found["published"]:
        slots, rates = _declared(name, config)
    return WorkstreamState(
        name=name,
        at=at,
        hold=_hold(found, slots),
        slots=slots,
        rates=rates,
        overridden=tuple(_overridden(found["file"])),
        oldest_since=moment(found["oldest"]),
        this_minute=_minute(found["minutes"][0]),
        last_minute=_minute(found["minutes"][1]),
        published=bool(found["published"]),
        paused=bool(found["paused"]),
        waiting=int(found["waiting"]),
        scheduled=int(found["scheduled"]),
        running=int(found["running"]),
        dead=int(found["dead"]),
        late=int(found["late"]),
        workers=int(found["workers"]),
    )


def _hold(found: Mapping[str, Any], slots: Iterable[SlotUse]) -> Hold:
    why, limit = str(found["why"]), str(found["by"])
    taken = next((slot for slot in slots if slot.limit == limit), None)
    full = taken if why == "concurrency" else None
    return Hold(why, limit, moment(found["at"]), full, str(found.get("of_key", "")))


def _slots(found: Iterable[Mapping[str, Any]]) -> tuple[SlotUse, ...]:
    # An empty list of Lua arrives as an empty object.
    return tuple(SlotUse(str(one["limit"]), int(one["used"]), int(one["allowed"])) for one in found)


def _rates(found: Iterable[Mapping[str, Any]]) -> tuple[RateUse, ...]:
    return tuple(
        RateUse(
            str(one["limit"]),
            int(one["permits"]),
            whole(one["window"]) or 0,
            round(float(one["used"]), 6),
            one.get("pace"),
        )
        for one in found
    )


def _overridden(found: Iterable[Mapping[str, Any]]) -> Iterable[Overridden]:
    for one in found:
        if "rates" in one:
            yield Overridden(one["limit"], "rates", rates_in_words(rates_from(one["rates"])))
        if "concurrency" in one:
            yield Overridden(one["limit"], "concurrency", one["concurrency"] or "none")


def _minute(found: Mapping[str, Any]) -> Minute:
    return Minute(**{name: int(value) for name, value in found.items()})


def _declared(name: str, config: Config) -> tuple[tuple[SlotUse, ...], tuple[RateUse, ...]]:
    """The limits that will hold once they are published; nothing of them is used yet."""
    workstream = config.workstream(name)
    limits: list[NamedLimit] = [workstream, *(config.limits[within] for within in workstream.within)]
    slots = tuple(SlotUse(one.name, 0, one.concurrency) for one in limits if one.concurrency is not None)
    rates = tuple(RateUse(one.name, rate.permits, rate.window, 0) for one in limits for rate in one.rates)
    return slots, rates
