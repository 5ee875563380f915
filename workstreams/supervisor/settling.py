"""What is done about a server before anything runs on it: looked at, and given the config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import RedisUnsuitable
from workstreams.log.lines import notice
from workstreams.store.check import server_facts, suitability
from workstreams.store.link import Link
from workstreams.store.readable import readable
from workstreams.supervisor.keeper import Served

__all__ = ["settle"]


def settle(
    config: Config, link: Link, served: Served, show: Callable[[Mapping[str, Any]], None]
) -> list[dict[str, Any]]:
    """Make sure that the server can hold the promises, and put the config in force.

    Parameters:
      config: What to publish.
      link: The way to the server.
      served: What is known of its data set.
      show: Prints a line.

    Returns:
      Lines that were shown, of what it may lose.

    Raises:
      RedisUnavailable: When the server cannot be reached.
      RedisUnsuitable: When it cannot hold the promises, or what stands there is not ours.
    """
    with readable(link):
        errors, warnings = suitability(server_facts(link.scripts.client))
        lines = [notice("server_unsafe", {"app": config.app, "why": one}) for one in warnings]
        for line in lines:
            show(line)
        if errors:
            raise RedisUnsuitable(errors[0])
        publish(config, link.scripts, served.lost_epoch, served.epoch)
    return lines
