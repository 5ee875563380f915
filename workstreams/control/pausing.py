"""Pauses a workstream for the whole fleet, and lets it go on."""

from __future__ import annotations

from workstreams.control.calling import call
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.store.client import redis_errors
from workstreams.store.link import Link

__all__ = ["pause", "resume"]


def pause(link: Link, config: Config, workstream: str) -> bool:
    """Admit nothing from now on; what runs goes on. It stays so over restarts, until it is resumed.

    Parameters:
      link: Where it is.
      config: Declares it.
      workstream: Its name.

    Returns:
      Whether it was not paused before.

    Raises:
      UnknownWorkstream: When the config does not declare it.
      RedisUnavailable: When Redis cannot be asked.
    """
    return _switch(link, config, workstream, paused=True)


def resume(link: Link, config: Config, workstream: str) -> bool:
    """Admit again, also where the file says ``paused: true``.

    Parameters:
      link: Where it is.
      config: Declares it.
      workstream: Its name.

    Returns:
      Whether it was paused before.

    Raises:
      UnknownWorkstream: When the config does not declare it.
      RedisUnavailable: When Redis cannot be asked.
    """
    return _switch(link, config, workstream, paused=False)


def _switch(link: Link, config: Config, workstream: str, *, paused: bool) -> bool:
    config.workstream(workstream)
    fields = {"workstream": workstream, "paused": "1" if paused else "0"}
    reply = call(link, "pause", fields)
    if reply[0] == b"unsettled":
        with redis_errors(link.url):
            publish(config, link.scripts)
        reply = call(link, "pause", fields)
    return bool(reply[0] == b"changed")
