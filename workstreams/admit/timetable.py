"""When a process is to ask for work next, and for which of its workstreams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workstreams.admit.lane import Lane

__all__ = ["Timetable"]

#: Why a lane was refused, where the end of one of its own jobs may let it in.
_SLOTS = ("concurrency", "key")


class Timetable:
    """The times of a process's lanes; guarded by the office's lock.

    Parameters:
      lanes: The workstreams, by name.
    """

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self._lanes = lanes
        self._over = False

    def end(self) -> None:
        """From now on nothing is asked for."""
        self._over = True

    def wake(self, workstream: str, at: float) -> None:
        """Ask for a workstream ("*": for all) at a monotonic second, or sooner."""
        named = self._lanes.get(workstream)
        for lane in self._lanes.values() if workstream == "*" else [named] if named else ():
            lane.ask_at = min(lane.ask_at, at)

    def due(self, now: float) -> list[Lane]:
        """Lanes with idle threads whose time has come."""
        if self._over:
            return []
        return [lane for lane in self._lanes.values() if lane.ask_at <= now and lane.idle]

    def freed(self, finishes: Iterable[Mapping[str, Any]], besides: Sequence[Lane]) -> list[Lane]:
        """Further lanes whose own finish frees a slot that they were refused for."""
        if self._over:
            return []
        lanes = [self._lanes[name] for name in {finish["w"] for finish in finishes}]
        return [lane for lane in lanes if lane.why in _SLOTS and lane.idle and lane not in besides]

    def beside(self, now: float) -> list[Lane]:
        """Lanes to ask for while another call is under way: none without one that has a whole batch idle."""
        wants = self.more()
        # It may keep two calls under way for as long as it has jobs: the others' time comes with its own.
        return wants and wants + [lane for lane in self.due(now) if not lane.asked and lane not in wants]

    def more(self) -> list[Lane]:
        """Lanes for which another call is to leave while one is under way."""
        if self._over:
            return []
        return [lane for lane in self._lanes.values() if lane.has_a_batch]

    def ask(self, lanes: Iterable[Lane]) -> list[tuple[Lane, int]]:
        """Say what is asked for now; a wake-up that comes while the call is under way is not forgotten."""
        return [(lane, lane.ask()) for lane in lanes]

    def answered(self, wants: Iterable[tuple[Lane, int]]) -> None:
        """A call is under way no longer."""
        for lane, number in wants:
            lane.asked -= number

    def unanswered(self, wants: Iterable[tuple[Lane, int]]) -> None:
        """A call got no answer, so nobody has told its lanes when to ask."""
        for lane, _ in wants:
            lane.ask_at = 0.0

    def note(self, answers: Iterable[Sequence[Any]], now: float) -> None:
        """Note what the script says of each lane that was asked for."""
        for name, why, wait in answers:
            self._lanes[name.decode()].note(why.decode(), wait, now)

    def next(self) -> float:
        """The monotonic second of the next call; infinity while no thread is idle."""
        if self._over:
            return math.inf
        return min((lane.ask_at for lane in self._lanes.values() if lane.idle), default=math.inf)
