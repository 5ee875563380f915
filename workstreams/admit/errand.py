"""What one call to Redis carries for a worker process, until its answer is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from workstreams.admit.lane import Lane

__all__ = ["Errand"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """One call under way.

    Attributes:
      call: What is told and asked, but for who carries it.
      finishes: The ends that it tells.
      wants: How many jobs it asks for, by lane.
      began: Monotonic seconds at which it left.
      alone: Whether no other call may be under way beside it.
      opening: How often the session had been opened when it left.
      void: Whether the session is over for good, so that there is nobody to ask.
    """

    call: Mapping[str, Any]
    finishes: Sequence[dict[str, Any]]
    wants: Sequence[tuple[Lane, int]]
    began: float
    alone: bool
    opening: int
    void: bool
