"""When a worker process has done its service and is to be replaced by a fresh one."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from workstreams.declare.config import Recycle
from workstreams.units import format_size

__all__ = ["ROOM", "Wear"]

#: So many times what a fresh process weighs it must be allowed at least: the first jobs import and
#: allocate, and it would be replaced after each few of them, for ever.
ROOM = 1.25


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


class Wear:
    """Tells when this process has run as many jobs, or weighs as much, as it may.

    Parameters:
      recycle: What it may.
      weigh: Returns the bytes that it weighs; asked for the first time at once, while it is fresh.

    Attributes:
      refusal: Why it is not replaced for its weight, "" if it is.
    """

    def __init__(self, recycle: Recycle, weigh: Callable[[], int] = _resident) -> None:
        self._jobs, self._memory = recycle.jobs, recycle.memory
        self._weigh = weigh
        self.refusal = ""
        fresh = 0 if self._memory is None else weigh()
        if self._memory is not None and self._memory < fresh * ROOM:
            self.refusal = (
                f"expected recycle.memory to be well over the {fresh >> 20} MiB of a fresh process, found "
                f"{format_size(self._memory)}: raise it; until then no process is replaced for its weight"
            )
            self._memory = None

    def is_reached(self, ended: int) -> bool:
        """Whether it is to be replaced.

        Parameters:
          ended: Jobs that it has run.
        """
        if self._jobs is not None and ended >= self._jobs:
            return True
        return self._memory is not None and self._weigh() >= self._memory
