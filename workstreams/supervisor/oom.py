"""Whether the kernel has just ended something for lack of memory, which a SIGKILL does not tell."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

__all__ = ["OutOfMemory", "counters"]

#: Seconds between two looks, and looks that are remembered: a kill that is older concerns another process.
PAUSE, LOOKS = 2.0, 3


def counters(root: Path = Path("/")) -> Iterator[Path]:
    """The files that count such kills, those of our own group first: the last counts the whole machine's.

    Parameters:
      root: Where ``proc`` and ``sys`` are.
    """
    groups = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, kinds, group = line.split(":", 2)
        if kinds in ("", "memory"):
            base, name = (groups / kinds, "memory.oom_control") if kinds else (groups, "memory.events")
            yield base / group.strip("/") / name
            # Inside a container its own group is the root that it sees.
            yield base / name
    yield root / "proc/vmstat"


class OutOfMemory:
    """Remembers how many such kills there were.

    Parameters:
      files: Where they are counted; the first that counts is read.
      clock: Monotonic seconds.
    """

    def __init__(
        self, files: Iterable[Path] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        found = (file for file in (counters() if files is None else files) if _count(file) is not None)
        self._file = next(found, None)
        self._clock = clock
        self._looked_at = 0.0
        self._seen: deque[int] = deque(maxlen=LOOKS)
        self.look()

    def look(self) -> None:
        """Look, if the last time is long enough ago; asked again and again."""
        now = self._clock()
        if self._file is not None and (not self._seen or now >= self._looked_at + PAUSE):
            self._looked_at = now
            self._seen.append(_count(self._file) or 0)

    def was_lately(self) -> bool:
        """Whether there was one in the last seconds."""
        return self._file is not None and (_count(self._file) or 0) > self._seen[0]


def _count(file: Path) -> int | None:
    for line in _lines(file):
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.isdigit():
            return int(number)
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("ascii", "replace").splitlines()
    except OSError:
        # Not every kernel tells, nor tells everybody.
        return []
