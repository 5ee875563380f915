"""Looks at how a server is set up, and says which promises it cannot hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import redis

from workstreams.errors import RedisUnsuitable

__all__ = ["OLDEST", "ServerFacts", "require_suitable", "server_facts", "suitability"]

#: Functions came with Redis 7.0.
OLDEST = (7, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says about itself.

    Attributes:
      engine: ``valkey`` or ``redis`` (and whatever calls itself so).
      version: Its own version, most significant number first.
      maxmemory: Bytes it may use; 0 means no bound.
      policy: What it does when they are used: ``noeviction``, ``allkeys-lru``, ….
      aof: Whether it logs every write to disk.
      save: When it writes snapshots, ``""`` for never; None where it will not say.
      cluster: Whether it is a node of a Cluster.
    """

    engine: str
    version: tuple[int, ...]
    maxmemory: int
    policy: str
    aof: bool
    save: str | None
    cluster: bool

    def __str__(self) -> str:
        return f"{self.engine} {'.'.join(map(str, self.version))}"


def server_facts(client: redis.Redis) -> ServerFacts:
    """Ask a server about itself; hosted ones that forbid CONFIG are asked by INFO alone.

    Raises:
      redis.RedisError: As any call of the client.
    """
    info = cast("Mapping[str, Any]", client.info())
    if info.get("loading"):
        # It says then that its log of writes is off, which is not so.
        raise redis.BusyLoadingError("LOADING the server reads its data")
    # Valkey calls itself Redis 7.2.4 in redis_version, for old clients.
    engine = "valkey" if "valkey_version" in info else "redis"
    return ServerFacts(
        engine=engine,
        version=_version(str(info[f"{engine}_version"])),
        maxmemory=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        aof=bool(info.get("aof_enabled", 0)),
        save=_save(client),
        cluster=bool(info.get("cluster_enabled", 0)),
    )


def suitability(facts: ServerFacts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Judge a server.

    Parameters:
      facts: What it says about itself.

    Returns:
      Errors, with which nothing can be promised, and warnings, with which jobs may get lost;
      each one sentence.
    """
    errors = (_age(facts), _width(facts))
    warnings = (_eviction(facts), _persistence(facts))
    return tuple(filter(None, errors)), tuple(filter(None, warnings))


def require_suitable(facts: ServerFacts) -> tuple[str, ...]:
    """Refuse a server that cannot hold the promises.

    Returns:
      Its warnings.

    Raises:
      RedisUnsuitable: When it has errors; all of them, one a line.
    """
    errors, warnings = suitability(facts)
    if errors:
        raise RedisUnsuitable("\n".join(errors))
    return warnings


def _version(text: str) -> tuple[int, ...]:
    # "8.0.0-rc1" and "255.255.255" are versions, too.
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _save(client: redis.Redis) -> str | None:
    try:
        answer = cast("Mapping[str | bytes, str | bytes]", client.config_get("save"))
    except redis.ResponseError:
        return None
    found = answer.get("save", answer.get(b"save"))
    return found.decode() if isinstance(found, bytes) else found


def _age(facts: ServerFacts) -> str:
    if facts.version >= OLDEST:
        return ""
    return f"expected Valkey, or Redis of at least 7.0, found {facts}: upgrade it, or use another server"


def _width(facts: ServerFacts) -> str:
    if not facts.cluster:
        return ""
    return (
        "expected a single server, found a node of a Cluster: "
        "set `redis:` to a server without one, because this version does not speak to a Cluster"
    )


def _eviction(facts: ServerFacts) -> str:
    if facts.policy == "noeviction":
        return ""
    return (
        f"expected maxmemory-policy noeviction, found {facts.policy}: "
        "set it, or jobs and limits may be thrown away when memory is short"
    )


def _persistence(facts: ServerFacts) -> str:
    if facts.aof:
        return ""
    if facts.save:
        return (
            f'expected appendonly yes, found snapshots only (save "{facts.save}"): '
            "turn it on, or a crash of the server forgets all that came after the last snapshot"
        )
    found = "appendonly no" if facts.save is None else "persistence off"
    return f"expected appendonly yes, found {found}: turn it on, or a restart of the server forgets every job"
