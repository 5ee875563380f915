"""Pauses a workstream, a key of it or a shared limit for the whole fleet, and lets it go on."""

from __future__ import annotations

from workstreams.control.calling import call
from workstreams.control.limiting import refuse_key
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.state import find_limit
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["pause", "resume"]


def pause(link: Link, config: Config, name: str, key: str = "") -> bool:
    """Admit nothing from now on; what runs goes on. It stays so over restarts, until it is resumed.

    Parameters:
      link: Where it is.
      config: Declares it.
      name: A workstream, or a shared limit for all workstreams that are within it.
      key: Only this key of a workstream.

    Returns:
      Whether it was not paused before.

    Raises:
      UnknownLimit: When the config does not declare it.
      ConfigError: When it is a shared limit's key that is meant, or one that is longer than any.
      RedisUnavailable: When Redis cannot be asked.
    """
    return _switch(link, config, name, key, paused=True)


def resume(link: Link, config: Config, name: str, key: str = "") -> bool:
    """Admit again, also where the file says ``paused: true``.

    Parameters:
      link: Where it is.
      config: Declares it.
      name: A workstream or a shared limit.
      key: Only this key of a workstream; what holds for the whole workstream goes on holding.

    Returns:
      Whether it was paused before.

    Raises:
      UnknownLimit: When the config does not declare it.
      ConfigError: When it is a shared limit's key that is meant, or one that is longer than any.
      RedisUnavailable: When Redis cannot be asked.
    """
    return _switch(link, config, name, key, paused=False)


def _switch(link: Link, config: Config, name: str, key: str, *, paused: bool) -> bool:
    refuse_key(find_limit(config, name), key)
    word = "1" if paused else "0"
    if name in config.workstreams:
        operation, fields = "pause", {"workstream": name, "paused": word, **({"key": key} if key else {})}
    else:
        operation, fields = "limit_pause", {"name": name, "paused": word}
    reply = call(link, operation, fields)
    if reply[0] == b"unsettled":
        with readable(link):
            publish(config, link.scripts)
        reply = call(link, operation, fields)
    return bool(reply[0] == b"changed")
