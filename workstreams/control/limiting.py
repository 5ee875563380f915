"""Changes what limits allow, for the whole fleet at once, and lets the file's word count again."""

from __future__ import annotations

import dataclasses
from typing import Any

from workstreams.control.calling import call
from workstreams.declare.config import Config, NamedLimit, RateLimit, Workstream
from workstreams.declare.config.limits import margin_of
from workstreams.declare.publishing import rates_text
from workstreams.errors import ConfigError, LimitNotPublished, Problem
from workstreams.state import find_limit
from workstreams.store.link import Link
from workstreams.units import LONGEST_KEY, Rate, format_duration

__all__ = ["Change", "change_limit", "refuse_key", "reset_limit"]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What is to be allowed from now on; what is left out stays as it is.

    Attributes:
      rates: All of them are to hold, instead of those that do.
      burst: For the shortest rate: what may be admitted at the same instant, 1 or more. Where rates
        change and this is left out, it stays as it is.
      concurrency: Jobs at once, 1 or more.
      unbounded: Any number of jobs at once, instead of a concurrency.
    """

    rates: tuple[Rate, ...] = ()
    burst: int | None = None
    concurrency: int | None = None
    unbounded: bool = False


def change_limit(link: Link, config: Config, name: str, change: Change, key: str = "") -> bool:
    """Hold to another limit from now on, over restarts and whatever the file says, until it is reset.

    Parameters:
      link: Where it is.
      config: Declares it.
      name: A workstream or a shared limit.
      change: What is to be allowed.
      key: Only for this key of a workstream.

    Returns:
      Whether something else holds now.

    Raises:
      UnknownLimit: When the config does not declare it.
      ConfigError: When the change has no meaning there; nothing was changed.
      LimitNotPublished: When nobody has published it yet.
      RedisUnavailable: When Redis cannot be asked.
    """
    limit = _limit_for(config, name, key)
    _check(change)
    fields: dict[str, Any] = {}
    if change.rates:
        fields["rates"] = rates_text(_rates(limit, change.rates, key))
    if change.burst is not None:
        fields["burst"] = change.burst
    if change.concurrency is not None or change.unbounded:
        fields["concurrency"] = "" if change.concurrency is None else str(change.concurrency)
    return _carry_out(link, name, key, fields)


def reset_limit(link: Link, config: Config, name: str, key: str = "") -> bool:
    """Hold to what the file says again.

    Parameters:
      link: Where it is.
      config: Declares it.
      name: A workstream or a shared limit.
      key: Only for this key of a workstream.

    Returns:
      Whether something else holds now.

    Raises:
      UnknownLimit, ConfigError, LimitNotPublished, RedisUnavailable: As :func:`change_limit`.
    """
    _limit_for(config, name, key)
    return _carry_out(link, name, key, {"reset": True})


def refuse_key(limit: NamedLimit, key: str) -> None:
    """Only a workstream has keys, and no job has one that is longer than a send takes.

    Raises:
      ConfigError: When a key of a shared limit is meant, or one that cannot be.
    """
    if len(key) > LONGEST_KEY:
        found = f"{len(key)} characters"
        raise ConfigError([Problem(f"a key of at most {LONGEST_KEY} characters", found, "--key")])
    if key and not isinstance(limit, Workstream):
        hint = "keys are those of a workstream's jobs"
        raise ConfigError([Problem("a workstream", f'the shared limit "{limit.name}"', "--key", hint=hint)])


def _limit_for(config: Config, name: str, key: str) -> NamedLimit:
    limit = find_limit(config, name)
    refuse_key(limit, key)
    return limit


def _check(change: Change) -> None:
    _check_positive(change.burst, "--burst")
    # A slot that nobody has would stop everything, without the word that says so: paused.
    _check_positive(change.concurrency, "--concurrency", "to stop it, pause it")
    windows = [rate.window for rate in change.rates]
    double = next((window for window in windows if windows.count(window) > 1), None)
    if double is not None:
        found = ", ".join(map(str, change.rates))
        raise ConfigError([Problem(f"one rate over a window of {format_duration(double)}", found, "--rate")])
    if change.burst is not None and change.rates:
        shortest = min(change.rates, key=lambda rate: rate.window)
        if change.burst > shortest.permits:
            raise _too_large(change.burst, shortest)


def _check_positive(number: int | None, flag: str, hint: str = "") -> None:
    if number is not None and number < 1:
        raise ConfigError([Problem("a whole number of at least 1", str(number), flag, hint=hint)])


def _too_large(burst: int, rate: Rate) -> ConfigError:
    expected = f"a burst of at most the {rate.permits} that {rate} permits"
    return ConfigError([Problem(expected, str(burst), "--burst")])


def _rates(limit: NamedLimit, rates: tuple[Rate, ...], key: str) -> list[RateLimit]:
    """The rates as the scripts hold them, the shortest first; the declared margin stays."""
    declared = limit.per_key if key and isinstance(limit, Workstream) else limit
    own = None if declared is None else declared.margin
    ordered = sorted(rates, key=lambda rate: rate.window)
    return [RateLimit(rate.permits, rate.window, None, margin_of(rate, own)) for rate in ordered]


def _carry_out(link: Link, name: str, key: str, fields: dict[str, Any]) -> bool:
    verdict, *more = call(link, "limit", {"name": name, "key": key, **fields})
    match verdict:
        case b"unsettled":
            raise LimitNotPublished(name)
        case b"rateless":
            hint = f'"{name}" has none now: give it one together with its burst'
            raise ConfigError([Problem("a rate that the burst is for", "none", "--burst", hint=hint)])
        case b"burst":
            raise _too_large(fields["burst"], Rate(*map(int, more)))
    return bool(verdict == b"changed")
