"""Appends lines to their streams: one pipeline a batch, one call of an operation for each workstream."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import redis
from redis import exceptions

from workstreams.declare.publishing import LEAST_LOG
from workstreams.log.buffer import Waiting
from workstreams.store.keys import Keys
from workstreams.store.library import is_missing, library, load

__all__ = ["Append", "Appender", "Retention"]

#: Lines in one call, because Redis serves nobody else meanwhile.
CHUNK = 250
#: Ids that a job's index holds; a job that writes more shows its last lines.
INDEX = 1000
#: ms that Redis remembers a call; re-sends come within the client's timeouts.
REMEMBER = 60_000
#: What is kept of a workstream that has no settings here, and of the app's own stream: 7 days, 64 MiB.
_AGE, _SIZE = 7 * 86_400_000_000, 64 * 2**20

#: Answers after which the same call may succeed later; redis-py has no class for the last ones.
_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterError,
    exceptions.MasterDownError,
)
_PASSING_CODE = re.compile(r"(?:^|caused error: )(MISCONF|NOREPLICAS|BUSY|LOADING)\b")


class Retention(Protocol):
    """How long lines are kept, as ``keep: {logs: …}`` of a workstream says."""

    @property
    def age(self) -> int:
        """µs."""

    @property
    def size(self) -> int:
        """Bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Append:
    """One call: lines of one workstream.

    Attributes:
      workstream: Its name; empty for the app's own stream.
      lines: In their order.
      request: The call's id, the same in each attempt.
      error: Why Redis refuses it for good; empty unless it does.
    """

    workstream: str
    lines: list[Waiting]
    request: str
    error: str = ""


class Appender:
    """Holds one batch until Redis took all of it. Used by one thread.

    Parameters:
      client: Where the streams are.
      keys: Keys of the app.
      limits: What is kept, by workstream.
      shards: Keys of the workstreams that have their own.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        limits: Mapping[str, Retention],
        shards: Mapping[str, Keys],
    ) -> None:
        self._client, self._keys, self._limits, self._shards = client, keys, limits, shards
        self._calls: list[Append] = []

    @property
    def pending(self) -> int:
        """Lines of the batch that Redis has not confirmed."""
        return sum(len(call.lines) for call in self._calls)

    def begin(self, batch: Mapping[str, list[Waiting]]) -> None:
        """Take a batch; its calls get their ids here, once."""
        self._calls = [
            Append(workstream, lines[start : start + CHUNK], uuid.uuid4().hex)
            for workstream, lines in batch.items()
            for start in range(0, len(lines), CHUNK)
        ]

    def attempt(self) -> list[Append]:
        """Try once what is pending.

        Returns:
          The calls that Redis refused for good, with their error; they are pending no longer.
        """
        try:
            results = self._execute()
        except exceptions.RedisError:
            return []
        outcome = list(zip(self._calls, results, strict=True))
        self._calls = [call for call, result in outcome if _passes(result)]
        if any(is_missing(result) for _, result in outcome):
            self._load()
        return [
            dataclasses.replace(call, error=str(result))
            for call, result in outcome
            if isinstance(result, Exception) and not _passes(result)
        ]

    def _execute(self) -> list[Any]:
        function = library().function("append_lines")
        pipeline = self._client.pipeline(transaction=False)
        for call in self._calls:
            keys, arguments = self._arguments(call)
            pipeline.fcall(function, len(keys), *keys, *arguments)
        return pipeline.execute(raise_on_error=False)

    def _load(self) -> None:
        try:
            load(self._client, library())
        except exceptions.RedisError:
            return  # the next attempt meets the same answer, and comes back here

    def _arguments(self, call: Append) -> tuple[list[str], list[Any]]:
        keys = self._shards.get(call.workstream, self._keys)
        log = keys.workstream(call.workstream, "log") if call.workstream else keys.log
        jobs = list(dict.fromkeys(line.job for line in call.lines if line.job)) if call.workstream else []
        places = {job: place for place, job in enumerate(jobs, start=1)}
        indexes = [keys.workstream(call.workstream, "lines", job) for job in jobs]
        kept = self._limits.get(call.workstream)
        age, size = (kept.age, kept.size) if kept else (_AGE, _SIZE)
        arguments: list[Any] = [max(age // 1000, 1), max(size, LEAST_LOG), INDEX, REMEMBER]
        for line in call.lines:
            arguments += (places.get(line.job, 0), line.job, line.data)
        return [log, f"{keys.root}request:{call.request}", *indexes], arguments


def _passes(result: object) -> bool:
    if isinstance(result, exceptions.ResponseError) and _PASSING_CODE.search(str(result)):
        return True
    return isinstance(result, _PASSING) or is_missing(result)
