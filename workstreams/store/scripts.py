"""Calls the Lua operations, and maps their errors back to file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import redis
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError

from workstreams.store.keys import Keys
from workstreams.store.library import Library, ScriptFailed, is_missing, library, load
from workstreams.store.swift import drop_idle

__all__ = ["ScriptFailed", "Scripts"]

_PASSING = re.compile("MISCONF|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN")

#: Tries to call what is not there: it may be dropped again by those who load others.
_TRIES = 3


class Scripts:
    """The operations on one shard, over one client.

    Parameters:
      client: Any client of the factory; its timeouts and re-sends apply.
      keys: The shard's keys.
      functions: The library they are in; that of this version if not given.
    """

    def __init__(self, client: redis.Redis, keys: Keys, functions: Library | None = None) -> None:
        self.client = client
        self.keys = keys
        self._library = functions or library()

    def load(self) -> None:
        """Make sure that the server has the operations.

        Raises:
          redis.RedisError: When the server could not be asked, or forbids it.
        """
        load(self.client, self._library)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        self.client.close()

    def run(
        self, operation: str, call: Mapping[str, Any], words: Sequence[str | bytes | int | float] = ()
    ) -> Any:
        """Run one operation on the server.

        Parameters:
          operation: The file's name in ``lua/``.
          call: Its first argument, sent as JSON.
          words: Further arguments.

        Returns:
          What the operation returns, as the client decodes it.

        Raises:
          ScriptFailed: When the operation itself failed, with its file and line.
          redis.RedisError: When the server could not be asked.
        """
        try:
            return self._call(operation, (self.keys.clock, orjson.dumps(call), *words))
        except (ReadOnlyError, MasterDownError):
            # The server was demoted behind its name: whoever asks again should find the new one. What another
            # thread uses just now it closes by itself: under its hands, errors would not be those of Redis.
            drop_idle(self.client)
            raise
        except ResponseError as error:
            # A read-only or failing server has a class, or a word, of its own, and may be asked again.
            if (
                type(error) is ResponseError
                and "user_function" in str(error)
                and not _PASSING.match(str(error))
            ):
                raise ScriptFailed(f"{operation}: {self._library.placed(error)}") from error
            raise

    def _call(self, operation: str, words: Sequence[Any]) -> Any:
        function = self._library.function(operation)
        for _ in range(_TRIES):
            try:
                return self.client.fcall(function, 1, *words)
            except ResponseError as error:
                if not is_missing(error):
                    raise
            self.load()
        return self.client.fcall(function, 1, *words)
