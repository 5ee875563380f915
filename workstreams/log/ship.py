"""The supervisor's way of bringing lines to Redis: in batches, in turns, and bounded while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import redis

from workstreams.log.append import Append, Appender, Retention
from workstreams.log.buffer import FairBuffer, Waiting
from workstreams.log.lines import notice
from workstreams.log.values import encode
from workstreams.store.keys import Keys

__all__ = ["Retention", "Shipper"]

#: Lines that wait for Redis at most, and what they may weigh together.
MAX_LINES = 10_000
MAX_BYTES = 64 * 2**20
#: Lines in one round trip.
BATCH = 500
#: Seconds that a first line waits for company; much less than ``follow`` holds lines back to sort them.
LINGER = 0.025
#: Seconds between two attempts while Redis is away.
MIN_PAUSE, MAX_PAUSE = 0.05, 1.0


class Shipper:
    """Takes lines from any thread and appends them from one of its own.

    Lines of one workstream keep their order. Each is appended once, also when a reply was lost on the way.

    Parameters:
      client: A patient client; it is used by one thread only.
      keys: Keys of the app, for its own stream and for workstreams without a shard.
      limits: What is kept, by workstream; the default serves the ones that are missing.
      shards: Keys of the workstreams that declare a shard, by workstream.
      worker: Named in the notices.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        limits: Mapping[str, Retention],
        *,
        shards: Mapping[str, Keys] | None = None,
        worker: str | None = None,
    ) -> None:
        self._app, self._worker = keys.app, worker
        self._appender = Appender(client, keys, limits, shards or {})
        self._buffer = FairBuffer(MAX_LINES, MAX_BYTES, self._missing)
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._refused = 0
        self._thread = threading.Thread(target=self._run, name="workstreams-logs", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines given up since the beginning."""
        return self._buffer.dropped + self._refused

    def put(self, workstream: str, job: str | None, line: Mapping[str, object]) -> None:
        """Take a line; never waits for Redis.

        Parameters:
          workstream: Whose stream it goes to; empty for the app's own.
          job: The job that wrote it, if one did.
          line: The line.
        """
        waiting = Waiting(job or "", encode(line))
        with self._changed:
            self._buffer.put(workstream, waiting)
            if len(self._buffer) in (1, BATCH):
                self._changed.notify()

    def close(self, timeout: float) -> int:
        """Append what waits, for at most *timeout* seconds, and end the thread.

        Returns:
          Lines that could not be appended in time.
        """
        with self._changed:
            self._deadline = time.monotonic() + timeout
            self._changed.notify()
        self._thread.join(timeout + MAX_PAUSE)
        with self._changed:
            return self._buffer.drop_all() + self._appender.pending

    def _run(self) -> None:
        while batch := self._next_batch():
            self._appender.begin(batch)
            self._deliver()

    def _next_batch(self) -> dict[str, list[Waiting]]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._buffer) or self._deadline)
            self._changed.wait_for(lambda: len(self._buffer) >= BATCH or self._deadline, LINGER)
            return {} if self._late() else self._buffer.take(BATCH)

    def _deliver(self) -> None:
        pause = MIN_PAUSE
        while not self._attempt():
            if self._late():
                return
            with self._changed:
                left = MAX_PAUSE if self._deadline is None else self._deadline - time.monotonic()
                self._changed.wait(max(0.0, min(pause, left)))
            pause = min(2 * pause, MAX_PAUSE)

    def _attempt(self) -> bool:
        for failed in self._appender.attempt():
            self._report(failed)
        return not self._appender.pending

    def _report(self, failed: Append) -> None:
        """An append that no repetition can help is given up, and the app's own stream says so."""
        self._refused += len(failed.lines)
        if failed.workstream:
            line = self._notice(failed.workstream, len(failed.lines), failed.error)
            self.put("", None, line)

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _missing(self, workstream: str, count: int) -> Waiting:
        return Waiting("", encode(self._notice(workstream, count, "Redis did not take them in time")))

    def _notice(self, workstream: str, count: int, why: str) -> dict[str, object]:
        fields = {"app": self._app, "workstream": workstream or None, "worker": self._worker}
        return notice("lines_dropped", {**fields, "count": count, "why": why})
