"""Loads the Lua operations, joins their fragments, and maps errors back to file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import orjson
import redis
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError

from workstreams.store.keys import Keys

__all__ = ["ScriptFailed", "Scripts", "source_of"]

_INCLUDE = re.compile(r"^--! include (.+)$")
_PASSING = re.compile("MISCONF|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN")
_USER_LINE = re.compile(r"user_script:(\d+)")


class ScriptFailed(ResponseError):
    """An operation of ours stopped in the middle: a defect, or a key of another type."""


def _read(name: str) -> list[str]:
    return resources.files(__package__).joinpath("lua", f"{name}.lua").read_text("utf-8").splitlines()


@lru_cache(maxsize=64)
def source_of(operation: str) -> tuple[str, tuple[str, ...]]:
    """Join an operation with the fragments that its ``--! include`` line names.

    Parameters:
      operation: The file's name in ``lua/`` without its ending.

    Returns:
      The whole text, and for each of its lines the ``file:line`` it came from.
    """
    text: list[str] = []
    origin: list[str] = []
    for number, line in enumerate(_read(operation), start=1):
        include = _INCLUDE.match(line)
        if include is None:
            text.append(line)
            origin.append(f"{operation}.lua:{number}")
            continue
        for fragment in include[1].split():
            for place, inner in enumerate(_read(f"fragments/{fragment}"), start=1):
                text.append(inner)
                origin.append(f"fragments/{fragment}.lua:{place}")
    return "\n".join(text) + "\n", tuple(origin)


def _placed(error: ResponseError, operation: str) -> ScriptFailed:
    origin = source_of(operation)[1]

    def name(match: re.Match[str]) -> str:
        line = int(match[1])
        return origin[line - 1] if 0 < line <= len(origin) else match[0]

    return ScriptFailed(f"{operation}: {_USER_LINE.sub(name, str(error))}")


class Scripts:
    """The operations on one shard, over one client.

    Parameters:
      client: Any client of the factory; its timeouts and re-sends apply.
      keys: The shard's keys.
    """

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.keys = keys
        self._registered: dict[str, Any] = {}

    def run(
        self, operation: str, call: Mapping[str, Any], words: Sequence[str | bytes | int | float] = ()
    ) -> Any:
        """Run one operation on the server.

        Parameters:
          operation: The file's name in ``lua/``.
          call: Its first argument, sent as JSON.
          words: Further arguments.

        Returns:
          What the script returns, as the client decodes it.

        Raises:
          ScriptFailed: When the script itself failed, with its file and line.
          redis.RedisError: When the server could not be asked.
        """
        script = self._registered.get(operation)
        if script is None:
            script = self.client.register_script(source_of(operation)[0])
            self._registered[operation] = script
        try:
            return script(keys=[self.keys.clock], args=[orjson.dumps(call), *words])
        except (ReadOnlyError, MasterDownError):
            # The server was demoted behind its name: whoever asks again should find the new one.
            self.client.connection_pool.disconnect()
            raise
        except ResponseError as error:
            # A read-only or failing server has a class, or a word, of its own, and may be asked again.
            if (
                type(error) is ResponseError
                and "user_script" in str(error)
                and not _PASSING.match(str(error))
            ):
                raise _placed(error, operation) from error
            raise
