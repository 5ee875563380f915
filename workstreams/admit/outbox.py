"""What a process has still to tell Redis: ends of deliveries, and how long some of them may run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["LINGER", "MOST_FINISHES", "Outbox", "Parcel"]

#: Seconds a finish nobody waits for may linger, so that several leave in one call.
LINGER = 0.015

#: At most so many finishes in one call: a longer script would hold Redis up.
MOST_FINISHES = 250

#: Leaves with the next call, whenever that is asked.
NOW = 0.0


class Parcel(NamedTuple):
    """What one call tells.

    Attributes:
      finishes: The words of ends.
      bounds: Names of leases, and the µs that their jobs may hold on.
    """

    finishes: Sequence[dict[str, Any]] = ()
    bounds: Sequence[tuple[str, int]] = ()


class Outbox:
    """Finishes and bounds until a call carries them; guarded by the office's lock.

    Attributes:
      finishes: The words of ends that no call carries yet.
      carried: How many ends the calls under way carry.
      due: Monotonic seconds at which a call is to leave for their sake; None while there is no reason.
    """

    def __init__(self) -> None:
        self.finishes: list[dict[str, Any]] = []
        self.carried = 0
        self.due: float | None = None
        self._bounds: list[tuple[str, int]] = []

    def add(self, finish: dict[str, Any], *, hurry: bool) -> bool:
        """Take a finish.

        Parameters:
          finish: Its words.
          hurry: Whether somebody waits for it.

        Returns:
          Whether a call is due sooner than it was.
        """
        self.finishes.append(finish)
        return self._call_by(hurry or len(self.finishes) >= MOST_FINISHES)

    def add_bound(self, name: str, bound: int) -> bool:
        """Take the µs that a job may hold on, if they are not its workstream's; as :meth:`add`."""
        self._bounds.append((name, bound))
        return self._call_by(False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.finishes and not self._bounds

    def next(self) -> list[dict[str, Any]]:
        """The ends that the next call carries."""
        return self.finishes[:MOST_FINISHES]

    def take(self) -> Parcel:
        """What the next call carries."""
        finishes = self.next()
        del self.finishes[:MOST_FINISHES]
        bounds, self._bounds = self._bounds, []
        self.carried += len(finishes)
        self.due = NOW if self.finishes else None
        return Parcel(finishes, bounds)

    def told(self, finishes: Sequence[dict[str, Any]]) -> None:
        """Redis knows of these."""
        self.carried -= len(finishes)

    @property
    def untold(self) -> int:
        """How many finishes Redis has not confirmed."""
        return len(self.finishes) + self.carried

    def is_due(self, now: float) -> bool:
        """Whether a call is to leave now for the sake of what is in here."""
        return self.due is not None and self.due <= now

    def _call_by(self, hurry: bool) -> bool:
        if self.due is None:
            self.due = NOW if hurry else time.monotonic() + LINGER
            return True
        if hurry and self.due != NOW:
            self.due = NOW
            return True
        return False
