"""Publishes what a config declares as the settings that the scripts enforce."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import orjson

from workstreams.declare.config import Config, NamedLimit, PerKey, RateLimit, Workstream
from workstreams.store.scripts import Scripts
from workstreams.units import format_number

__all__ = ["LEAST_LOG", "Published", "limit_fields", "publish", "rates_text", "workstream_fields"]

#: Bytes that a log may use at least: with less the events of a moment would not fit.
LEAST_LOG = 250 * 2**10


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """What publishing did.

    Attributes:
      epoch: The data set's epoch.
      older: Names for which Redis holds the settings of a higher version, which stay.
      changed: Names whose settings were different.
    """

    epoch: str
    older: tuple[str, ...]
    changed: tuple[str, ...]


def rates_text(rates: Iterable[RateLimit]) -> str:
    """Rates as the scripts read them: times in µs, burst 0 for "as many as permits"."""
    return ";".join(f"{rate.permits}:{rate.window}:{rate.margin}:{rate.burst or 0}" for rate in rates)


def limit_fields(limit: NamedLimit, *, shared: bool) -> dict[str, str]:
    """A limit as the script's fields."""
    return {
        "concurrency": _number(limit.concurrency),
        "rates": rates_text(limit.rates),
        "shared": "1" if shared else "0",
        "ease": _ease(limit),
    }


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _ease(limit: NamedLimit) -> str:
    """What a refusal does to the shortest rate: factor, µs to recover, permits in a window at least."""
    ease = limit.on_rate_limited
    if ease is None:
        return ""
    # Without exponents, which the scripts' patterns do not read.
    return f"{format_number(ease.back_off)}:{ease.recover}:{format_number(ease.floor(limit.rates[0]))}"


def workstream_fields(workstream: Workstream, hard_bound: int) -> dict[str, str]:
    """A workstream's own settings as the script's fields.

    Parameters:
      workstream: What was declared.
      hard_bound: µs that a job may go on after its timeout before its process is ended for it.
    """
    keep, per_key = workstream.keep, workstream.per_key or PerKey()
    return {
        "paused": "1" if workstream.paused else "0",
        "within": ",".join(workstream.within),
        "bound": str(workstream.timeout + hard_bound),
        "max_waiting": str(workstream.max_waiting),
        "key_rates": rates_text(per_key.rates),
        "key_concurrency": _number(per_key.concurrency),
        "weights": orjson.dumps(dict(per_key.weights)).decode() if per_key.weights else "",
        "log_size": str(max(LEAST_LOG, keep.logs.size)),
        "done_age": str(keep.done.age),
        "done_count": str(keep.done.count),
        "dead_age": str(keep.dead.age),
        "dead_count": str(keep.dead.count),
    }


def _texts(names: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(sorted(name.decode() for name in names))


def publish(config: Config, scripts: Scripts, known_epoch: str = "", fresh_epoch: str = "") -> Published:
    """Write the config's workstreams and limits to Redis, unless a higher version did.

    Parameters:
      config: What to publish.
      scripts: Where to.
      known_epoch: The epoch that the caller saw earlier, "" for none.
      fresh_epoch: The name of a data set that has none yet; a new one by default.

    Returns:
      What was older and what changed.

    Raises:
      redis.RedisError: When the server could not be asked.
    """
    limits = {name: limit_fields(limit, shared=True) for name, limit in config.limits.items()}
    limits |= {name: limit_fields(ws, shared=False) for name, ws in config.workstreams.items()}
    bound = config.worker.hard_bound
    call: dict[str, Any] = {
        "request": uuid4().hex,
        "version": config.version,
        "epoch": known_epoch,
        "fresh": fresh_epoch or uuid4().hex,
        "workstreams": {name: workstream_fields(ws, bound) for name, ws in config.workstreams.items()},
        "limits": limits,
    }
    epoch, older, changed = scripts.run("publish", call)
    return Published(epoch.decode(), _texts(older), _texts(changed))
