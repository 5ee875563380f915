"""How long a pool waits before a process is started in the place of one that has ended."""

from __future__ import annotations

__all__ = ["LONGEST_PAUSE", "SOON", "Pacing"]

#: A process that lived shorter than this, in seconds, is started again with a growing pause.
SHORT_LIFE = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0

#: The longest pause after what the next process will hardly meet again.
SOON = 1.0


class Pacing:
    """Remembers for each pool how long it paused last."""

    def __init__(self) -> None:
        self._pauses: dict[str, float] = {}

    def pause_after(self, pool: str, lived: float, *, orderly: bool, longest: float = LONGEST_PAUSE) -> float:
        """Seconds to wait.

        Parameters:
          pool: The process's pool.
          lived: Seconds that it lived.
          orderly: Whether it ended because it had run as much as it may.
          longest: Seconds to wait at most.
        """
        pause = 0.0
        if lived < SHORT_LIFE and not orderly:
            pause = min(longest, self._pauses.get(pool, FIRST_PAUSE / 2) * 2)
        self._pauses[pool] = pause or FIRST_PAUSE / 2
        return pause
