"""How long it took until what a fault had interrupted went on."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.checks.evidence import Evidence
from tests.chaos.history import Fault, Note

__all__ = ["Recoveries", "percentile", "recoveries_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Recoveries:
    """What became of the jobs that faults interrupted.

    Attributes:
      in_flight: Runs under way in processes that a fault was done to.
      again: By kind of fault, the seconds from the fault to the next run of each such job.
      back: Seconds from the moment at which Redis was up again to the next admission.
    """

    in_flight: int
    again: Mapping[str, Sequence[float]]
    back: Sequence[float]

    @property
    def all_again(self) -> Sequence[float]:
        """Of all kinds."""
        return [seconds for found in self.again.values() for seconds in found]


def recoveries_of(evidence: Evidence) -> Recoveries:
    """Find every interrupted run and what followed."""
    in_flight, again = 0, defaultdict(list)
    for fault in evidence.history.faults:
        for note in _interrupted(evidence, fault):
            in_flight += 1
            following = _next_start(evidence, note)
            if following is not None:
                again[fault.kind].append((following - fault.began) / 1_000_000)
    return Recoveries(in_flight, again, list(_back(evidence)))


def _interrupted(evidence: Evidence, fault: Fault) -> Iterator[Note]:
    """Runs that were under way in the processes of a fault."""
    if not fault.kind.startswith(("kill", "stop")):
        return
    touched = {*fault.pids, *fault.more.get("orphans", ())}
    for note in evidence.starts:
        if note.pid in touched and note.at <= fault.began:
            end = evidence.end_of.get((note.job, note.delivery, note.pid))
            if end is None or end.at > fault.began:
                yield note


def _next_start(evidence: Evidence, note: Note) -> int | None:
    later = [one.at for one in evidence.starts_of[note.job] if one.delivery > note.delivery]
    return min(later, default=None)


def _back(evidence: Evidence) -> Iterator[float]:
    started = [event.at for event in evidence.calls if event.name == "started"]
    for fault in evidence.history.faults:
        if fault.kind in ("redis", "power"):
            following = min((at for at in started if at >= fault.ended), default=None)
            if following is not None:
                yield (following - fault.ended) / 1_000_000


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which that share of the values lies; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
