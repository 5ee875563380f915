"""A client that spends less time of its own around each command than redis-py's."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any

import hiredis
import redis
from redis.connection import Connection
from redis.exceptions import ResponseError

__all__ = ["SwiftClient", "drop_idle"]

#: Seconds after which a connection that was not used is looked at before it is: the server may
#: have closed it, and the command that finds out would be sent twice.
RESTED = 1.0


class SwiftClient(redis.Redis):
    """redis-py's client over connections that it keeps between commands.

    redis-py takes a connection from its pool for each command, polls it, counts it and gives it back,
    which takes a third of the time that one of our calls spends in it. Timeouts and re-sends are those of the
    connection, as in redis-py. What reads several replies (pipelines, pub/sub) takes the pool's way.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Appending and popping are atomic; the last one used is the one most likely to be alive.
        self._kept: deque[tuple[Connection, float]] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and return its reply, as redis-py's does."""
        if self.connection is not None:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's is untyped
        connection = self._take()

        def ask() -> Any:
            connection.send_packed_command(_packed(connection, args))  # type: ignore[no-untyped-call]  # redis-py's is untyped
            return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]  # redis-py's is untyped

        try:
            reply = connection.retry.call_with_retry(ask, lambda _: connection.disconnect())  # type: ignore[no-untyped-call]  # redis-py's is untyped
        except ResponseError:
            self._kept.append((connection, time.monotonic()))
            raise
        except BaseException:
            # An interrupt among them: a reply that was not read must never answer another command.
            connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py's is untyped
            self.connection_pool.release(connection)
            raise
        self._kept.append((connection, time.monotonic()))
        return reply

    def close(self) -> None:
        """Close the connections; the client may be used again."""
        self.give_all_back()
        super().close()

    def give_all_back(self) -> None:
        """Keep no connection that no thread uses: the pool has them."""
        while self._kept:
            try:
                connection, _ = self._kept.pop()
            except IndexError:
                return  # another thread was quicker
            self._give_back(connection)

    def _take(self) -> Connection:
        try:
            connection, since = self._kept.pop()
        except IndexError:
            return self.connection_pool.get_connection()
        if connection.pid == os.getpid() and time.monotonic() - since < RESTED:
            return connection
        # The pool looks whether it is alive, or drops it if it belongs to the process that was forked.
        self._give_back(connection)
        return self.connection_pool.get_connection()

    def _give_back(self, connection: Connection) -> None:
        self.connection_pool.release(connection)


def drop_idle(client: redis.Redis) -> None:
    """Close a client's connections, but for those that a thread uses just now.

    Parameters:
      client: Any client.
    """
    if isinstance(client, SwiftClient):
        client.give_all_back()
    client.connection_pool.disconnect(inuse_connections=False)


def _packed(connection: Connection, args: tuple[Any, ...]) -> list[bytes]:
    """A command as bytes: redis-py looks at each word first, which for a batch takes as long as the rest."""
    try:
        if " " not in args[0]:
            return [hiredis.pack_command(args)]
    except TypeError:
        # A word of a kind that redis-py knows to turn into text, or to refuse.
        return _packed_by_redis_py(connection, args)
    return _packed_by_redis_py(connection, args)


def _packed_by_redis_py(connection: Connection, args: tuple[Any, ...]) -> list[bytes]:
    packed: list[bytes] = connection.pack_command(*args)  # type: ignore[no-untyped-call]  # redis-py's is untyped
    return packed
