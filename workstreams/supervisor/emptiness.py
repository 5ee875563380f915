"""Looks whether anything is left to do, for ``worker --until-empty``.

On a thread of its own: a server that hangs must not keep the supervisor from its processes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import redis

from workstreams.store.keys import Keys

__all__ = ["Emptiness"]

#: Seconds between two looks.
PAUSE = 0.2


class Emptiness(threading.Thread):
    """Finds out when nothing waits, is scheduled or runs.

    Parameters:
      client: A client of its own; it is closed at the end.
      keys: The app's keys.
      workstreams: Where to look.
      tell: Called once, when nothing is left.

    Attributes:
      found: Whether nothing was left.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, workstreams: Sequence[str], tell: Callable[[], None]
    ) -> None:
        super().__init__(name="workstreams-emptiness", daemon=True)
        self._client = client
        self._keys = keys
        self._names = workstreams
        self._tell = tell
        self._stopped = threading.Event()
        self.found = False

    def run(self) -> None:
        with self._client:
            while not self._stopped.is_set():
                if self._looks_empty():
                    self.found = True
                    self._tell()
                    return
                self._stopped.wait(PAUSE)

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._stopped.set()

    def _looks_empty(self) -> bool:
        try:
            return self._nothing_left()
        except redis.RedisError:
            return False
        except Exception:
            # Without this thread the command would never end.
            logging.getLogger("workstreams").exception("emptiness_failed")
            return False

    def _nothing_left(self) -> bool:
        pipe = self._client.pipeline(transaction=True)
        for name in self._names:
            pipe.get(self._keys.workstream(name, "waiting"))
            pipe.zcard(self._keys.workstream(name, "scheduled"))
            pipe.zcard(self._keys.workstream(name, "running"))
            pipe.zcard(self._keys.workstream(name, "guests"))
        counts = [int(count or 0) for count in pipe.execute()]
        # A slot that is held outside of a job is no work that is left.
        left = (sum(counts[i : i + 3]) - counts[i + 3] for i in range(0, len(counts), 4))
        return not any(left)
