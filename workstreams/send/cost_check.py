"""Holds what actors say that their jobs cost against the limits of a config, before any job is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dramatiq import Actor

from workstreams.declare.config import Config, Limit, Workstream
from workstreams.errors import PayloadError, Problem
from workstreams.send.cost import cost_of, on
from workstreams.units import Rate, format_number

__all__ = ["check_cost"]


def check_cost(config: Config, actor: Actor[..., Any]) -> list[Problem]:
    """What is wrong with the cost that an actor gives all its jobs.

    Parameters:
      config: Declares the actor's workstream, or there is nothing to say.
      actor: Any actor.
    """
    workstream = config.workstreams.get(actor.queue_name)
    cost = actor.options.get("cost")
    if workstream is None or cost is None:
        return []
    place = f"actor {actor.actor_name}"
    try:
        cost_of(cost, workstream.name, (workstream.name, *workstream.within))
    except PayloadError as error:
        expected, _, found = str(error).removeprefix("expected ").partition(", found ")
        return [Problem(expected, found, place)]
    return [
        _too_dear(place, name, rate, on(cost, name))
        for name, limit in _limits(config, workstream, keyed=bool(actor.options.get("key_arg")))
        if (rate := _lowest(limit)) is not None and on(cost, name) > rate.permits
    ]


def _limits(config: Config, workstream: Workstream, *, keyed: bool) -> Iterator[tuple[str, Limit]]:
    """All that have to let a job in, by the name under which it has a cost there."""
    yield workstream.name, workstream
    if workstream.per_key is not None and keyed:
        yield workstream.name, workstream.per_key
    for name in workstream.within:
        if name in config.limits:
            yield name, config.limits[name]


def _lowest(limit: Limit) -> Rate | None:
    """The rate that permits the least in one of its windows."""
    rates = (Rate(one.permits, one.window) for one in limit.rates)
    return min(rates, key=lambda rate: rate.permits, default=None)


def _too_dear(place: str, limit: str, rate: Rate, cost: float) -> Problem:
    expected = f'a cost of at most the {rate.permits} that {rate} of "{limit}" permits'
    return Problem(
        expected, format_number(cost), place, hint="no job of it could start: lower it, or raise the rate"
    )
