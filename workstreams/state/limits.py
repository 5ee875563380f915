"""What is true of limits now: what the file says, what an operator changed, and how much is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from workstreams.declare.config import Config, NamedLimit, Workstream
from workstreams.errors import UnknownLimit
from workstreams.state.batches import ask_in_batches
from workstreams.state.decoding import moment, stamp_or_none, text, whole
from workstreams.state.terms import Terms, terms_from, terms_of
from workstreams.state.workstream import RateUse
from workstreams.store.link import Link

__all__ = ["LimitState", "find_limit", "read_limits"]


@dataclasses.dataclass(frozen=True, slots=True)
class LimitState:
    """What is true of a limit, or of one key's, at one moment.

    Attributes:
      name: The workstream whose own it is, or the shared limit.
      key: The key it is about, "" for the limit itself.
      at: The moment, in µs since 1970 by Redis's clock.
      shared: Whether several workstreams may be within it.
      published: Whether it is in Redis; before the first send or worker it is not.
      file: What the file says.
      in_force: What holds.
      overridden: What an operator changed: ``rates``, ``concurrency``.
      paused: Whether an operator paused a shared limit, or the key.
      rates: How much of each rate in force is used.
      running: Jobs that run under it; None for a key without a concurrency.
      blocked_until: µs since 1970 at which its rates have room for one more; None if they have now.
      held: The workstreams that it holds.
      keys: Keys for which an operator set another limit.
      problem: What stands in Redis instead of a limit, "" if all is well.
    """

    name: str
    key: str
    at: int
    shared: bool
    published: bool
    file: Terms
    in_force: Terms
    overridden: tuple[str, ...] = ()
    paused: bool = False
    rates: tuple[RateUse, ...] = ()
    running: int | None = None
    blocked_until: int | None = None
    held: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    problem: str = ""

    def record(self) -> dict[str, Any]:
        """As JSON shows it: stable keys, times in ms or ISO 8601."""
        return {
            "limit": self.name,
            "key": self.key or None,
            "shared": self.shared,
            "in_force": self.in_force.record(),
            "file": self.file.record(),
            "overridden": list(self.overridden),
            "paused": self.paused,
            "used": [rate.record() for rate in self.rates],
            "running": self.running,
            "blocked_until": stamp_or_none(self.blocked_until),
            "workstreams": list(self.held),
            "keys": list(self.keys),
            "published": self.published,
            "problem": self.problem or None,
            "at": stamp_or_none(self.at),
        }


def find_limit(config: Config, name: str) -> NamedLimit:
    """A workstream, or a shared limit, by its name.

    Raises:
      UnknownLimit: When the config declares neither.
    """
    found = config.workstreams.get(name) or config.limits.get(name)
    if found is None:
        raise UnknownLimit(name, config.limit_names)
    return found


def read_limits(link: Link, config: Config, wants: Iterable[tuple[str, str]]) -> list[LimitState]:
    """What is true of limits now, by Redis's clock.

    Parameters:
      link: Where they are.
      config: Declares them; tells those that nobody has published yet.
      wants: Names, each with a key or "" for the limit itself.

    Returns:
      One state for each, in order. Where something unreadable stands in Redis, the state says so.

    Raises:
      UnknownLimit: When the config does not declare one of them.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    wanted = [(find_limit(config, name), key) for name, key in wants]
    replies = ask_in_batches(link, "limits", [(limit.name, key) for limit, key in wanted])
    return [_state(limit, key, at, reply) for (limit, key), (at, reply) in zip(wanted, replies, strict=True)]


def _state(limit: NamedLimit, key: str, at: int, reply: bytes) -> LimitState:
    shared = not isinstance(limit, Workstream)
    if not reply or reply.startswith(b"!"):
        declared = terms_of(limit.per_key if key and isinstance(limit, Workstream) else limit)
        problem = text(reply[1:])
        return LimitState(limit.name, key, at, shared, False, declared, declared, problem=problem)
    found: dict[str, Any] = orjson.loads(text(reply))
    # An empty table of Lua arrives as an empty object.
    file, live = found["file"], found["set"] or {}
    now = {**file, **live}
    in_force = terms_from(now["rates"], now["concurrency"])
    return LimitState(
        name=limit.name,
        key=key,
        at=at,
        shared=shared,
        published=True,
        file=terms_from(file["rates"], file["concurrency"]),
        in_force=in_force,
        overridden=tuple(what for what in ("rates", "concurrency") if what in live),
        paused=live.get("paused") == "1",
        rates=tuple(_use(limit.name, in_force, found["used"])),
        running=None if found.get("running") is None else int(found["running"]),
        blocked_until=moment(found["at"]),
        held=tuple(found["held"]),
        keys=tuple(sorted(found["keys"])),
    )


def _use(name: str, in_force: Terms, used: Iterable[Mapping[str, Any]]) -> Iterable[RateUse]:
    permits = {rate.window: rate.permits for rate in in_force.rates}
    for one in used:
        window = whole(one["window"]) or 0
        if window in permits:
            yield RateUse(name, permits[window], window, round(float(one["used"]), 6), one.get("pace"))
