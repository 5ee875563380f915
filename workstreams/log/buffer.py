"""Lines that wait for Redis: bounded, and shared out so that no workstream crowds out another."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable

__all__ = ["FairBuffer", "Waiting"]


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """One line on its way.

    Attributes:
      job: Id of the job that wrote it; empty for none.
      data: The line as JSON.
    """

    job: str
    data: bytes


class FairBuffer:
    """Queues by workstream within one bound. Not thread-safe; its owner holds the lock.

    Full, it gives up the oldest line of the workstream that holds most, so that a flood costs the one
    who floods; which lines are missing is told where the next batch of that workstream begins.

    Parameters:
      lines: Lines it may hold.
      size: Bytes it may hold.
      missing: Makes the line that reports how many lines of a workstream were given up.
    """

    def __init__(self, lines: int, size: int, missing: Callable[[str, int], Waiting]) -> None:
        self._lines, self._size, self._missing = lines, size, missing
        self._queues: dict[str, deque[Waiting]] = {}
        self._given_up: dict[str, int] = {}
        self._bytes = self._count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._count

    def put(self, workstream: str, line: Waiting) -> None:
        """Take a line in, at the cost of another one when full."""
        self._queues.setdefault(workstream, deque()).append(line)
        self._count += 1
        self._bytes += len(line.data)
        while self._count > self._lines or (self._bytes > self._size and self._count > 1):
            self._give_up()

    def take(self, most: int) -> dict[str, list[Waiting]]:
        """Take lines out, the same share for each workstream, and what one leaves for the others.

        Parameters:
          most: Lines to take in all; reports of lines given up come on top.
        """
        taken: dict[str, list[Waiting]] = {}
        while self._queues and most > 0:
            share = max(1, most // len(self._queues))
            for workstream in list(self._queues)[:most]:
                most -= self._move(workstream, share, taken)
        return taken

    def drop_all(self) -> int:
        """Give up what is left; returns how many lines that were."""
        left, self._count, self._bytes = self._count, 0, 0
        self._queues.clear()
        self.dropped += left
        return left

    def _move(self, workstream: str, share: int, taken: dict[str, list[Waiting]]) -> int:
        queue = self._queues.pop(workstream)
        lines = [queue.popleft() for _ in range(min(share, len(queue)))]
        if queue:
            self._queues[workstream] = queue  # behind the others now
        self._count -= len(lines)
        self._bytes -= sum(len(line.data) for line in lines)
        given_up = self._given_up.pop(workstream, 0)
        report = [self._missing(workstream, given_up)] if given_up else []
        taken.setdefault(workstream, []).extend(report + lines)
        return len(lines)

    def _give_up(self) -> None:
        fullest = max(self._queues, key=lambda name: len(self._queues[name]))
        queue = self._queues[fullest]
        self._bytes -= len(queue.popleft().data)
        self._count -= 1
        self.dropped += 1
        self._given_up[fullest] = self._given_up.get(fullest, 0) + 1
        if not queue:
            del self._queues[fullest]
