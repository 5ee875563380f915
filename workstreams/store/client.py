"""The one factory of Redis clients, with the time each may take written down.

redis-py on its own waits 5 s for a reply and sends a command up to eleven times, which is
neither fast nor patient; no client of ours has its defaults.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from workstreams.store.address import address, sentinel_address, server_options
from workstreams.store.connections import whole
from workstreams.store.failures import redis_errors
from workstreams.store.swift import SwiftClient

__all__ = [
    "LISTENER_REPLY",
    "address",
    "lease_client",
    "listener_client",
    "ping",
    "producer_client",
    "redis_errors",
    "worker_client",
]

#: Seconds a listener waits for one reply: every BLOCK must be shorter.
LISTENER_REPLY = 6.0

#: A renewal may take this share of the lease, and of a short lease up to the larger one: of those that leave
#: every third of it one may then get lost before the lease does, and a slow network is no lost one.
LEASE_SHARE, SHORT_LEASE_SHARE = 1 / 5, 0.3

#: In seconds: what is enough for a slow network, and what is long for any.
PATIENT_REPLY, MOST_REPLY = 0.6, 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Patience:
    """How long a client tries.

    Attributes:
      connect: Seconds for a connection.
      reply: Seconds for a reply. A call that has waited this long is not sent again.
      resends: Further tries after a refused or broken connection.
      longest_pause: Seconds between two tries at most; the first pauses are shorter.
    """

    connect: float
    reply: float
    resends: int
    longest_pause: float

    def options(self) -> dict[str, Any]:
        pauses = ExponentialWithJitterBackoff(base=0.05, cap=self.longest_pause)
        return {
            "socket_connect_timeout": self.connect,
            "socket_timeout": self.reply,
            # Not after a timeout: whoever waited that long decides what is next.
            "retry": Retry(pauses, self.resends, supported_errors=(redis.ConnectionError,)),
            # Replies of scripts are the same in 2 and 3, and 2 connects with fewer round trips.
            "protocol": 2,
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
            "decode_responses": False,
        }


#: A web request waits for a send: better an error than a page that hangs.
_PRODUCER = _Patience(connect=1.0, reply=2.0, resends=2, longest_pause=0.25)
#: A restart of the server should pass unnoticed; whoever is a worker asks again after that. Everything
#: of a process stands still while it waits for a reply, and a connection that fell silent has none. Pauses
#: are left to chance: eight of them last for a second at the least, four were over in a fifth of one.
_WORKER = _Patience(connect=2.0, reply=3.0, resends=8, longest_pause=0.25)
_LISTENER = _Patience(connect=2.0, reply=LISTENER_REPLY, resends=4, longest_pause=0.25)


def producer_client(url: str) -> redis.Redis:
    """A client for those who send and ask, which fails fast: within 3 s.

    Parameters:
      url: ``redis://``, ``rediss://``, ``unix://`` or ``redis+sentinel://h1:p,h2:p/service/db``.

    Returns:
      A client that threads may share; it connects at its first call and answers in bytes.

    Raises:
      ConfigError: When the URL cannot be used.
    """
    return _client(url, _PRODUCER, SwiftClient)


def worker_client(url: str) -> redis.Redis:
    """A client for workers and supervisors, who ask again: 3 s for a reply.

    Parameters:
      url: As for ``producer_client``.

    Returns:
      A client as ``producer_client`` does.

    Raises:
      ConfigError: When the URL cannot be used.
    """
    return _client(url, _WORKER, SwiftClient)


def lease_client(url: str, lease: int) -> redis.Redis:
    """A client for renewals, which gives up early enough for another try within the lease.

    Nothing is sent again by itself: whoever renews does so with the time of then.

    Parameters:
      url: As for ``producer_client``.
      lease: µs for which a lease holds.

    Returns:
      A client as ``producer_client`` does.

    Raises:
      ConfigError: When the URL cannot be used.
    """
    seconds = lease / 1_000_000
    reply = min(MOST_REPLY, max(seconds * LEASE_SHARE, min(PATIENT_REPLY, seconds * SHORT_LEASE_SHARE)))
    return _client(url, _Patience(connect=reply, reply=reply, resends=0, longest_pause=0.0))


def listener_client(url: str) -> redis.Redis:
    """A client for pub/sub and for reads that block, for less than ``LISTENER_REPLY`` seconds.

    Parameters:
      url: As for ``producer_client``.

    Returns:
      A client as ``producer_client`` does.

    Raises:
      ConfigError: When the URL cannot be used.
    """
    return _client(url, _LISTENER)


def ping(client: redis.Redis) -> None:
    """Make sure that the server answers and lets us in.

    Raises:
      RedisUnavailable: When it does not.
    """
    with redis_errors(_url_of(client)):
        client.ping()


def _client(url: str, patience: _Patience, kind: type[redis.Redis] = redis.Redis) -> redis.Redis:
    if url.startswith("redis+sentinel://"):
        # A connection that is kept would not hear from its pool of another primary.
        return _sentinel_client(url, patience)
    options = server_options(url)
    options["connection_class"] = whole(options.get("connection_class", redis.Connection))
    return kind.from_pool(redis.ConnectionPool(**(patience.options() | options)))


def _sentinel_client(url: str, patience: _Patience) -> redis.Redis:
    where = sentinel_address(url)
    # Whoever is patient asks a dead Sentinel quickly nevertheless, because the next one may know.
    sentinel = Sentinel(where.hosts, sentinel_kwargs=_PRODUCER.options())  # type: ignore[no-untyped-call]  # redis-py's is untyped
    options = patience.options() | where.options | {"connection_class": whole(SentinelManagedConnection)}
    client = sentinel.master_for(where.service, **options)  # type: ignore[no-untyped-call]  # redis-py's is untyped
    return cast(redis.Redis, client)


def _url_of(client: redis.Redis) -> str:
    options: Mapping[str, Any] = client.connection_pool.connection_kwargs
    if "path" in options:
        return f"unix://{options['path']}"
    service = getattr(client.connection_pool, "service_name", None)
    if service is not None:
        return f"redis+sentinel://…/{service}"
    return f"redis://{options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db', 0)}"
