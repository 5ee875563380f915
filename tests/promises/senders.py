"""A sender that goes on whatever Redis does, and remembers what it was told."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

from workstreams.errors import RedisUnavailable
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Sender"]


class Sender(threading.Thread):
    """Sends one job after another until the end of the block.

    Parameters:
      broker: Where to.
      jobs: Workstream, actor and arguments of the jobs, in turns.
      pause: Seconds between two sends.

    Attributes:
      sent: Ids of the jobs that were sent for certain.
      refused: Seconds that each send took which Redis did not answer.
      errors: Whatever else was raised: nothing may be.
    """

    def __init__(self, broker: WorkstreamBroker, jobs: list[tuple[str, str, Any]], pause: float) -> None:
        super().__init__(daemon=True)
        self._broker, self._jobs, self._pause = broker, jobs, pause
        self._ended = threading.Event()
        self.sent: list[str] = []
        self.refused: list[float] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        turn = 0
        while not self._ended.wait(self._pause):
            workstream, actor, *arguments = self._jobs[turn % len(self._jobs)]
            job: Job[Any] = Job(workstream, actor, tuple(arguments), {}, {})
            began, turn = time.monotonic(), turn + 1
            try:
                self._broker.enqueue(job)
                self.sent.append(job.id)
            except RedisUnavailable:
                self.refused.append(time.monotonic() - began)
            except BaseException as error:
                self.errors.append(error)

    def stop(self) -> None:
        """Send nothing more; it may be called twice."""
        self._ended.set()
        self.join(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
