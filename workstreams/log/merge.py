"""Puts the lines of many streams into one order while they are still arriving."""

from __future__ import annotations

import dataclasses
import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any

from workstreams.log.position import Position

__all__ = ["Arrived", "Merge"]


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Arrived:
    """One line that was read and not yet shown.

    Attributes:
      position: Where it stands.
      settled: From when on (s, monotonic) nothing that stands before it can arrive; 0 if that is so already.
      line: The line.
    """

    position: Position
    settled: float = dataclasses.field(compare=False)
    line: dict[str, Any] = dataclasses.field(compare=False)


class Merge:
    """Holds lines back until none that stands before them can come any more."""

    def __init__(self) -> None:
        self._heap: list[Arrived] = []
        self._held: Counter[str] = Counter()

    def add(self, arrived: Arrived) -> None:
        """Take a line in."""
        heapq.heappush(self._heap, arrived)
        self._held[arrived.position.name] += 1

    def held(self, name: str) -> int:
        """Lines of one stream that are held back."""
        return self._held[name]

    def next_settled(self) -> float | None:
        """When (s, monotonic) the first line may go; None when nothing is held."""
        return self._heap[0].settled if self._heap else None

    def release(self, read_at: float, complete_to: int | None) -> Iterator[Arrived]:
        """Let go what may go, in order.

        Parameters:
          read_at: When (s, monotonic) the last read of all streams began.
          complete_to: µs up to which every stream was read; None when all were read to their ends.
        """
        while self._heap:
            first = self._heap[0]
            if first.settled > read_at or (complete_to is not None and first.position.time >= complete_to):
                return
            yield self._pop()

    def keep_last(self, most: int) -> None:
        """Forget all but the *most* lines that stand last."""
        self._heap = sorted(self._heap)[-most:] if most else []
        self._held = Counter(arrived.position.name for arrived in self._heap)

    def release_all(self) -> Iterator[Arrived]:
        """Let go everything, in order."""
        while self._heap:
            yield self._pop()

    def _pop(self) -> Arrived:
        first = heapq.heappop(self._heap)
        self._held[first.position.name] -= 1
        return first
