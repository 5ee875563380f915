"""What workers told Redis of their actors, for whoever sends by name and has not loaded them."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import orjson
from dramatiq import Actor, Message
from redis.exceptions import ResponseError

from workstreams.errors import RedisUnavailable
from workstreams.send.job import Job
from workstreams.store.client import redis_errors
from workstreams.store.link import Link

__all__ = ["ToldActors", "key_told"]

#: Seconds for which an answer is believed: one call in so long, however many are sent.
BELIEVED = 10.0

_NOTHING: Mapping[str, Any] = {}


def key_told(actor: Actor[..., Any]) -> dict[str, Any]:
    """Where the key of an actor's jobs is among their arguments; nothing where they have none.

    Parameters:
      actor: Any actor; one that a worker has loaded.
    """
    name = actor.options.get("key_arg")
    if not name:
        return {}
    # What a class-based actor is called with are the arguments of its perform.
    parameters = inspect.signature(getattr(actor.fn, "perform", actor.fn)).parameters.values()
    by_place = [
        one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return {"key_arg": name, "key_at": by_place.index(name) if name in by_place else None}


class ToldActors:
    """The actors that workers told of, as far as this process was asked for them.

    Parameters:
      link: Where they are.
    """

    def __init__(self, link: Callable[[], Link]) -> None:
        self._link = link
        self._asked: Link | None = None
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def prepare(self, messages: Sequence[Message[Any]], loaded: Set[str], *, fails: bool) -> None:
        """Learn what the senders of messages have not loaded.

        Parameters:
          messages: What is to be sent.
          loaded: The actors that are known here.
          fails: Whether to raise where Redis cannot be asked.

        Raises:
          RedisUnavailable: It has all the ``jobs``, of which none was sent.
        """
        try:
            self.learn({message.actor_name for message in messages} - loaded)
        except RedisUnavailable as error:
            if fails:
                error.jobs = tuple(map(Job.of, messages))
                raise

    def learn(self, actors: Iterable[str]) -> None:
        """Ask for those that were not asked for lately, all of them in one call.

        Parameters:
          actors: Whose jobs are to be sent.

        Raises:
          RedisUnavailable: When Redis cannot be asked; nothing can be sent either.
        """
        now, link = time.monotonic(), self._link()
        if link is not self._asked:
            # Of another app, or on another server.
            self._asked, self._known = link, {}
        asked = [name for name in actors if self._known.get(name, (0.0,))[0] <= now]
        if not asked:
            return
        records: Any = [None] * len(asked)
        with redis_errors(link.url), contextlib.suppress(ResponseError):
            records = link.scripts.client.hmget(link.keys.actors, asked)
        self._known |= {name: (now + BELIEVED, _read(one)) for name, one in zip(asked, records, strict=True)}

    def completed(self, message: Message[Any]) -> Message[Any]:
        """A message with what its actor says of all its messages, as far as that was learnt: key, priority
        and cost.

        Parameters:
          message: What is to be sent; its own options stand over the actor's.
        """
        told = self._known.get(message.actor_name, (0.0, _NOTHING))[1]
        found: dict[str, Any] = dict(told.get("options", {}))
        key = _key_of(told, message)
        if key is not None:
            found["key"] = key
        missing = {name: value for name, value in found.items() if name not in message.options}
        return message.copy(options=missing) if missing else message


def _read(record: Any) -> Mapping[str, Any]:
    """A worker's record; nothing where another version, or another program, wrote something else."""
    try:
        found = orjson.loads(record or b"{}")
        options = orjson.loads(found.get("opts", "{}"))
        return {"key_arg": found.get("key_arg"), "key_at": found.get("key_at"), "options": dict(options)}
    except (AttributeError, TypeError, ValueError):
        return {}


def _key_of(told: Mapping[str, Any], message: Message[Any]) -> str | None:
    name, place = told.get("key_arg"), told.get("key_at")
    if name is None:
        return None
    if isinstance(place, int) and place < len(message.args):
        value = message.args[place]
    else:
        value = message.kwargs.get(name)
    return None if value is None else str(value)
