"""How much of what the rates allowed was used, while Redis was up and work was there."""

from __future__ import annotations

import bisect
from collections import deque

from tests.chaos.checks.evidence import Evidence
from tests.chaos.checks.rates import margin_of
from tests.chaos.leases import UNRECORDED
from workstreams.units import Rate

__all__ = ["possible", "share_of"]

#: µs between two looks.
STEP = 10_000


def share_of(evidence: Evidence) -> float:
    """Admissions in per cent of those that were possible; 0 if none was."""
    begin, end = _span(evidence)
    admitted = sum(begin <= event.at <= end for event in evidence.calls if event.name == "started")
    allowed = possible(evidence, begin, end)
    return 100 * admitted / allowed if allowed else 0.0


def _span(evidence: Evidence) -> tuple[int, int]:
    """From the first send to the end of the faults."""
    begin = min((event.at for event in evidence.calls if event.name == "sent"), default=0)
    end = min((fault.began for fault in evidence.history.faults if fault.kind == "peace"), default=0)
    return begin, end or max((event.at for event in evidence.calls), default=0)


def possible(evidence: Evidence, begin: int, end: int) -> float:
    """The most admissions within a time, if every job were taken as soon as every limit has room.

    That is the most under limits that count a sliding window: to wait never makes more room.
    """
    settings = evidence.history.settings
    supply = sorted(
        event.at for event in evidence.calls if event.name in ("sent", *UNRECORDED) and event.at <= end
    )
    away = [
        (fault.began, fault.ended) for fault in evidence.history.faults if fault.kind in ("redis", "power")
    ]
    windows = [_Window(rate) for rate in settings.limits]
    at_once = settings.concurrency * STEP / max(1.0, _length(evidence))
    total = 0.0
    for now in range(begin, end, STEP):
        if any(gone <= now < back for gone, back in away):
            continue
        room = min(window.room(now) for window in windows)
        taken = max(0.0, min(room, at_once, bisect.bisect_right(supply, now) - total))
        total += taken
        for window in windows:
            window.take(now, taken)
    return total


def _length(evidence: Evidence) -> float:
    """µs that a run takes on average."""
    began = {(n.job, n.delivery, n.pid): n.at for n in evidence.starts if not n.tick}
    lengths = [end.at - began[run] for run, end in evidence.end_of.items() if run in began]
    return sum(lengths) / len(lengths) if lengths else 0.0


class _Window:
    """What was taken in the last window of a rate."""

    def __init__(self, rate: Rate) -> None:
        self._permits = rate.permits
        self._span = rate.window + margin_of(rate.window)
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
