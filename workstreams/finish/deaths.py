"""Tells Redis of the actors here, so that whatever ends a job can tell its ``on_dead`` actor of it.

Most deaths are decided in a worker, but not all: a job may end its process too often, cost more than its
rate allows, or be unreadable. So the scripts tell of them, in the step in which a job dies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import orjson
import redis
import structlog
from dramatiq import Actor
from dramatiq.middleware import Retries

from workstreams.errors import WorkstreamsError
from workstreams.send.actor import completed, shift_by_number
from workstreams.send.job import Job
from workstreams.send.order import order_for
from workstreams.send.told import key_told
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["register_actors"]


def register_actors(broker: WorkstreamBroker, given: Retries | None = None) -> None:
    """Write where the jobs of each actor wait, and to whom its deaths are told.

    A failure is only said: the next process that boots registers them as well.

    Parameters:
      broker: Knows the actors.
      given: A ``Retries`` that the program added; it stands over the workstreams' own.
    """
    records: dict[Any, Any] = dict(_records(broker, given))
    if not records:
        return
    try:
        broker.link.scripts.client.hset(broker.link.keys.actors, mapping=records)
    except redis.RedisError as error:
        structlog.get_logger("workstreams").warning("actors_not_registered", error=str(error))


def _records(broker: WorkstreamBroker, given: Retries | None) -> Iterator[tuple[str, bytes]]:
    for name, actor in broker.actors.items():
        # Nothing can be sent to one whose workstream or options have no meaning, so it can be told of
        # nothing either; a death that was to be told to it says so.
        with contextlib.suppress(WorkstreamsError):
            yield name, orjson.dumps(_record(broker, actor, given))


def _record(broker: WorkstreamBroker, actor: Actor[..., Any], given: Retries | None) -> dict[str, Any]:
    workstream = broker.config.workstream(actor.queue_name)
    message = completed(Job(actor.queue_name, actor.actor_name, (), {}, {}), actor)
    order = shift_by_number(order_for(message, workstream, ""), actor)
    record = {
        "w": actor.queue_name,
        "shift": order.shift,
        "cost": order.cost,
        "opts": order.options.decode(),
        "max_retries": actor.options.get(
            "max_retries", given.max_retries if given else workstream.retries.max
        ),
        **key_told(actor),
    }
    told = actor.options.get("on_dead")
    # An actor may be named by itself, as Dramatiq's callbacks are.
    return record if told is None else record | {"on_dead": getattr(told, "actor_name", told)}
