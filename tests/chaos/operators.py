"""Somebody who pauses, resumes and cancels while all goes on, straight past the proxy."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.chaos.notes import Tail
from tests.chaos.project import CALLS
from workstreams.app import build_broker
from workstreams.control.jobs import cancel_jobs
from workstreams.control.pausing import pause, resume
from workstreams.declare.config import load_config
from workstreams.errors import RedisUnavailable

__all__ = ["Operator"]

#: Seconds before another try to resume: nothing may stay paused because Redis was away.
AGAIN = 0.1


class Operator:
    """Works on the workstream with the limits.

    Parameters:
      folder: The session's: its config, and the log of what was sent.
      socket: Redis's own.
    """

    def __init__(self, folder: Path, socket: Path) -> None:
        config = load_config(folder / "config").model_copy(update={"redis": f"unix://{socket}"})
        self._broker = build_broker(config)
        self._sends = Tail(folder / "sends.log")
        self._known: list[str] = []
        self._mutex = threading.Lock()

    def pause(self) -> bool:
        """Pause it; whether that is certain."""
        try:
            pause(self._broker.link, self._broker.config, CALLS)
        except RedisUnavailable:
            return False
        return True

    def resume(self) -> None:
        """Resume it, however long that takes."""
        while True:
            try:
                resume(self._broker.link, self._broker.config, CALLS)
                return
            except RedisUnavailable:
                threading.Event().wait(AGAIN)

    def cancel(self, choice: float) -> tuple[str, str]:
        """Cancel one of the jobs that were sent last.

        Parameters:
          choice: 0 to 1: which.

        Returns:
          Its id, and what it was before; "" when that is not known, or there is none.
        """
        with self._mutex:
            words = [line.split() for line in self._sends.read().decode().splitlines()]
            self._known = [*self._known, *(job for what, job, *_ in words if what == "ack")][-1000:]
            if not self._known:
                return "", ""
            job = self._known[int(choice * len(self._known))]
        try:
            (change,) = cancel_jobs(self._broker.link, CALLS, [job])
        except RedisUnavailable:
            return job, ""
        return job, change.was or ""

    def close(self) -> None:
        """Close its connections."""
        self._broker.close()
