"""When a worker process has done its service and is to be replaced by a fresh one."""

from __future__ import annotations

import psutil

from workstreams.declare.config import Recycle

__all__ = ["Wear"]


class Wear:
    """Tells when this process has run as many jobs, or weighs as much, as it may.

    Parameters:
      recycle: What it may.
    """

    def __init__(self, recycle: Recycle) -> None:
        self._recycle = recycle
        self._self = psutil.Process()

    def is_reached(self, ended: int) -> bool:
        """Whether it is to be replaced.

        Parameters:
          ended: Jobs that it has run.
        """
        if self._recycle.jobs is not None and ended >= self._recycle.jobs:
            return True
        return self._recycle.memory is not None and self._self.memory_info().rss >= self._recycle.memory
