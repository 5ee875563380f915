"""Sends the demo's input beside everything else, and goes on where Redis was away."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from dramatiq import Message

from workstreams.errors import RedisUnavailable, WorkstreamsError
from workstreams.send.job import Job

__all__ = ["Feeder", "Sends"]

#: Jobs sent in one step.
_BATCH = 250

#: Seconds between tries while Redis is away.
_PAUSE = 1.0


class Sends(Protocol):
    """What is needed of a broker."""

    def enqueue_many(self, messages: Iterable[Message[Any]], *, due: str = "") -> list[Job[Any]]:
        """Send several messages."""
        ...


class Feeder:
    """One thread that sends jobs.

    Parameters:
      broker: Where to.
      jobs: What, in order.

    Attributes:
      trouble: Why it does not get on at present; "" when it does.
    """

    def __init__(self, broker: Sends, jobs: Sequence[Job[Any]]) -> None:
        self.trouble = ""
        self._broker = broker
        self._jobs = jobs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-feeder", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it still sends."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no further batch, and wait for the one that is on its way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        for start in range(0, len(self._jobs), _BATCH):
            if not self._send(self._jobs[start : start + _BATCH]):
                return

    def _send(self, batch: Sequence[Job[Any]]) -> bool:
        """Send a batch until it is sent: a job whose id is known is not taken twice."""
        while not self._stop.is_set():
            try:
                self._broker.enqueue_many(batch)
            except RedisUnavailable as error:
                self.trouble = str(error)
                self._stop.wait(_PAUSE)
            except WorkstreamsError as error:
                self.trouble = str(error)
                return False
            else:
                self.trouble = ""
                return True
        return False
