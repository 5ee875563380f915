"""How much of what the rates allowed was used, while Redis could be reached and work was there."""

from __future__ import annotations

import bisect
from collections import deque

from tests.chaos.checks.evidence import Evidence
from tests.chaos.checks.rates import margin_of
from tests.chaos.leases import AGAIN, UNRECORDED
from workstreams.units import Rate

__all__ = ["possible", "share_of"]

#: µs between two looks.
STEP = 10_000

#: Faults during which Redis could not be reached, or not well, had no memory left, or nothing was to start.
AWAY = ("redis", "power", "full", "hang", "delay", "pause")


def share_of(evidence: Evidence) -> float:
    """Admissions in per cent of those that were possible; 0 if none was."""
    begin, end = _span(evidence)
    away = _Away(evidence)
    started = [event.at for event in evidence.calls if event.name == "started" and begin <= event.at <= end]
    admitted = sum(not away.at(at) for at in started)
    allowed = possible(evidence, begin, end)
    return 100 * admitted / allowed if allowed else 0.0


def _span(evidence: Evidence) -> tuple[int, int]:
    """From the first send to the end of the faults."""
    begin = min((event.at for event in evidence.calls if event.name == "sent"), default=0)
    end = min((fault.began for fault in evidence.history.faults if fault.kind == "peace"), default=0)
    return begin, end or max((event.at for event in evidence.calls), default=0)


def possible(evidence: Evidence, begin: int, end: int) -> float:
    """Admissions within a time, if work were taken steadily whenever there is any and it has room.

    Steadily: at no more than the shortest rate. A window that is empty after an outage may be used up
    at once, so more than this is possible then.
    """
    settings = evidence.history.settings
    supply = sorted(event.at for event in evidence.calls if event.name in ("sent", *AGAIN))
    away = _Away(evidence)
    windows = [_Window(rate) for rate in settings.limits]
    steady = max(window.per_step for window in windows)
    length = max(float(STEP), _length(evidence))
    held = _Held(evidence)
    total = 0.0
    for now in range(begin, end, STEP):
        if away.at(now):
            continue
        room = min(window.room(now) for window in windows)
        at_once = (settings.concurrency - held.at(now)) * STEP / length
        taken = max(0.0, min(room, steady, at_once, bisect.bisect_right(supply, now) - total))
        total += taken
        for window in windows:
            window.take(now, taken)
    return total


def _length(evidence: Evidence) -> float:
    """µs that a run takes on average."""
    began = {(n.job, n.delivery, n.pid): n.at for n in evidence.begun_calls}
    lengths = [end.at - began[run] for run, end in evidence.end_of.items() if run in began]
    return sum(lengths) / len(lengths) if lengths else 0.0


class _Away:
    """When Redis was down, or the way there was bad."""

    def __init__(self, evidence: Evidence) -> None:
        faults = evidence.history.faults
        self._spans = [(fault.began, fault.ended) for fault in faults if fault.kind in AWAY]

    def at(self, now: int) -> bool:
        return any(began <= now < ended for began, ended in self._spans)


class _Held:
    """Slots that nobody could use: of leases that ended without a finish, until their end."""

    def __init__(self, evidence: Evidence) -> None:
        ended = [lease for lease in evidence.leases if lease.end is not None and lease.end.name in UNRECORDED]
        self._begins = sorted(lease.began.at for lease in ended)
        self._ends = sorted(lease.end.at for lease in ended if lease.end is not None)

    def at(self, now: int) -> int:
        return bisect.bisect_right(self._begins, now) - bisect.bisect_right(self._ends, now)


class _Window:
    """What was taken in the last window of a rate."""

    def __init__(self, rate: Rate) -> None:
        self._permits = rate.permits
        self._span = rate.window + margin_of(rate.window)
        self.per_step = rate.permits * STEP / self._span
        self._taken: deque[tuple[int, float]] = deque()
        self._sum = 0.0

    def room(self, now: int) -> float:
        while self._taken and self._taken[0][0] <= now - self._span:
            self._sum -= self._taken.popleft()[1]
        return self._permits - self._sum

    def take(self, now: int, number: float) -> None:
        if number > 0:
            self._taken.append((now, number))
            self._sum += number
