"""Fair shares: what each key got, for every two keys that both could have started something."""

from __future__ import annotations

import itertools
from collections import defaultdict

from tests.lua.oracle import Oracle

#: Starts by which a key of weight 1 may be ahead of another.
MOST_AHEAD = 2.0


class Shares:
    """The lead of one key over another: starts divided by weights, since both are backlogged.

    Two keys are compared from when both have a ready job that their own limits let start, until one
    of them has none: it begins anew then, so nothing is owed to who was idle or held.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._leads: defaultdict[str, dict[tuple[str, str], float]] = defaultdict(dict)

    def forget(self, ws: str) -> None:
        """Weights have changed, or a turn was spent on what never started."""
        self._leads[ws].clear()

    def look(self, ws: str, now: int) -> None:
        """Begin with those keys that are backlogged now, and be done with those that are not."""
        free = {head.key for head in self._oracle.heads(ws) if self._oracle.key_latest(head, now) <= now}
        pairs = list(itertools.combinations(sorted(free), 2))
        self._leads[ws] = {pair: self._leads[ws].get(pair, 0.0) for pair in pairs}

    def start(self, ws: str, key: str) -> None:
        """Take note of a start, after checking that it was this key's turn."""
        for pair in self._leads[ws]:
            if key in pair:
                share = 1 / self._oracle.weight(ws, key)
                self._leads[ws][pair] += share if key == pair[0] else -share
                lead = self._leads[ws][pair]
                assert abs(lead) <= MOST_AHEAD + 1e-9, f"{ws}: of {pair} one is {lead} turns ahead"
