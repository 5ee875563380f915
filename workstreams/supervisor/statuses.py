"""What a worker process says of itself to its supervisor, on the pipe that also carries its lines."""

from __future__ import annotations

import time

from workstreams.log.pipe import PipeWriter

__all__ = ["DRAINING", "FAILED", "LEAVING", "LEFT_BEHIND", "OPENING", "READY", "tell"]

#: A session is about to be opened: from here on something may be leased to it.
OPENING = "opening"
#: It works.
READY = "ready"
#: It asks for no more work.
DRAINING = "draining"
#: It ends by itself, and in order: nothing that it still holds has ended it.
LEAVING = "leaving"
#: Its lease was lost, and it ends over that.
LEFT_BEHIND = "left behind"
#: It cannot start; ``error`` and ``code`` say why.
FAILED = "failed"

#: Seconds between two tries to write into a full pipe.
PAUSE = 0.05


def tell(pipe: PipeWriter, patience: float, state: str, **more: object) -> bool:
    """Say it, and wait for room in the pipe, since the supervisor acts on it.

    Parameters:
      pipe: The way to the supervisor.
      patience: Seconds to wait.
      state: One of those above.
      **more: What belongs to it.

    Returns:
      Whether it was said.
    """
    deadline = time.monotonic() + patience
    while not pipe.status({"state": state, **more}):
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)  # the pipe is full: the supervisor has to read first
    return True
