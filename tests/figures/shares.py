"""How evenly the keys of a workstream take turns, and what they leave behind in Redis.

The scripts are driven directly, and say whose job each start was, in their order. All keys have jobs from
the beginning, the whale's were sent first. Between two keys that have jobs left the counts of starts may
differ by a turn or two at any moment. Jain's index (the square of the sum over n times the sum of the
squares; 1 is perfectly even) is taken over windows: each ends as soon as every key that still has jobs had
ten starts in it, so keys with ten jobs or fewer have none.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.figures.driving import exchanges, fill
from tests.lua.rig import Given, Rig

__all__ = ["Turns", "broken_of", "jain", "left_behind", "share"]

#: Starts that each key has in a window.
IN_A_WINDOW = 10

#: Calls of one go, and jobs that each takes.
CALLS, BATCH = 50, 8

WHALE = "tenant-whale"

#: Turns that two keys with jobs left may be apart, and what Jain's index is at least.
MOST_TURNS, LEAST_INDEX = 2, 0.99


def jain(counts: Mapping[str, float]) -> float:
    """1 when all have the same, 1/n when one of n has everything."""
    squares = sum(count * count for count in counts.values())
    return sum(counts.values()) ** 2 / (len(counts) * squares) if squares else 1.0


class Turns:
    """Follows whose turn it was.

    Parameters:
      left: How many jobs each key has in the beginning.
      weights: How many starts make up one turn, for keys of which that is not 1.

    Attributes:
      gap: The largest difference between the turns of two keys with jobs left, at any moment.
      indices: Jain's index of each window that ended, over turns.
    """

    def __init__(self, left: Mapping[str, int], weights: Mapping[str, float] | None = None) -> None:
        self._left, self._weights = dict(left), weights or {}
        self._starts = dict.fromkeys(left, 0)
        # How many keys with jobs left have had so many turns: few numbers, unless it is unfair.
        self._keys_at: Counter[float] = Counter({0.0: len(left)})
        self.gap = 0.0
        self.indices: list[float] = []
        self._begin_window()

    def note(self, key: str) -> None:
        """A job of this key started."""
        before = self._turns(key)
        self._starts[key] += 1
        self._left[key] -= 1
        self._move(before, self._turns(key) if self._left[key] else None)
        if len(self._keys_at) > 1:
            self.gap = max(self.gap, max(self._keys_at) - min(self._keys_at))
        if not self._left[key] or self._starts[key] - self._begun[key] == IN_A_WINDOW:
            self._awaited.discard(key)
        if not self._awaited:
            self._end_window()

    def _turns(self, key: str) -> float:
        return self._starts[key] / self._weights.get(key, 1)

    def _move(self, before: float, after: float | None) -> None:
        self._keys_at[before] -= 1
        if not self._keys_at[before]:
            del self._keys_at[before]
        if after is not None:
            self._keys_at[after] += 1

    def _begin_window(self) -> None:
        self._begun = dict(self._starts)
        # Who has jobs left and has not had its starts yet.
        self._awaited = {key for key, left in self._left.items() if left}

    def _end_window(self) -> None:
        backlogged = [key for key, left in self._left.items() if left]
        if len(backlogged) > 1:
            had = {key: self._starts[key] - self._begun[key] for key in backlogged}
            self.indices.append(jain({key: n / self._weights.get(key, 1) for key, n in had.items()}))
        self._begin_window()


def _starts(rig: Rig, jobs: int) -> Iterator[str]:
    """The key of each start, in order; what started ends with the next calls."""
    ending: list[list[Given]] = []
    while jobs > 0:
        pairs = itertools.zip_longest(range(CALLS), ending, fillvalue=())
        ends = [[given.end("done") for given in some] for _, some in pairs]
        calls = [rig.call("s1", {"mail": BATCH}, some) for some in ends]
        answers = exchanges(rig, calls, 1_000)
        ending = [list(answer.grants) for answer in answers]
        for given in itertools.chain.from_iterable(ending):
            yield given.key
        started = sum(map(len, ending))
        assert started, f"{jobs} jobs wait, and none is given: {answers[-1].why}"
        jobs -= started
    for some in ending:
        rig.tell("s1", *(given.end("done") for given in some))


def left_behind(rig: Rig) -> tuple[int, int]:
    """How much in Redis is named for a key of the workstream: what stays, and what goes by itself."""
    names = list(rig.client.scan_iter(match="*tenant*", count=5_000))
    pipe = rig.client.pipeline(transaction=False)
    for name in names:
        pipe.ttl(name)
    staying = sum(1 for ttl in pipe.execute() if ttl == -1)
    idle = int(rig.client.zcard(rig.keys.workstream("mail", "idle")))
    return staying + idle, len(names) - staying


def share(
    rig: Rig, small: int, each: int, whale: int, per_key: Mapping[str, Any] | None = None
) -> dict[str, object]:
    """Let all keys take turns until nothing is left.

    Parameters:
      rig: A fresh app.
      small: How many keys have few jobs.
      each: How many jobs each of them has.
      whale: How many the one with many has; 0 for none.
      per_key: What holds for each key.
    """
    keys = {**({WHALE: whale} if whale else {}), **{f"tenant-{n:05d}": each for n in range(small)}}
    limits = {"per_key": per_key} if per_key else {}
    rig.publish(mail={"keep": {"done": {"count": 0}}, "max_waiting": 10_000_000, **limits})
    rig.open("s1", "mail")
    sent = fill(rig, "mail", _rounds(keys))
    turns, started = Turns(keys, (per_key or {}).get("weights")), 0
    for key in _starts(rig, sent):
        turns.note(key)
        started += 1
    staying, passing = left_behind(rig)
    return {
        "small_keys": small,
        "jobs_each": each,
        "whale_jobs": whale,
        "started": started,
        "lost": sent - started,
        "largest_gap": round(turns.gap, 2),
        "windows": len(turns.indices),
        "least_jain": round(min(turns.indices), 5) if turns.indices else None,
        "left_behind": staying,
        "left_for_a_time": passing,
    }


def _rounds(keys: Mapping[str, int]) -> Iterator[str]:
    """The whale's first, then one of each of the others in turn."""
    yield from itertools.repeat(WHALE, keys.get(WHALE, 0))
    others = [key for key in keys if key != WHALE]
    for _ in range(keys[others[0]]):
        yield from others


def broken_of(row: Mapping[str, Any]) -> list[str]:
    """Every promise that was not kept."""
    where = f"{row['small_keys']} keys of {row['jobs_each']} jobs beside one of {row['whale_jobs']}"
    checks = [
        (row["lost"] != 0, f"{row['lost']} jobs never started"),
        (row["largest_gap"] > MOST_TURNS, f"two keys were {row['largest_gap']} turns apart"),
        (
            row["least_jain"] is not None and row["least_jain"] < LEAST_INDEX,
            f"Jain's index was {row['least_jain']}",
        ),
        (row["left_behind"] != 0, f"{row['left_behind']} things of idle keys stay in Redis"),
    ]
    return [f"{where}: {said}" for failed, said in checks if failed]
