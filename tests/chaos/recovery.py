"""How long it took until what a fault had interrupted went on."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.causes import EVERYWHERE
from tests.chaos.checks.evidence import Evidence
from tests.chaos.history import Fault, Note
from tests.chaos.leases import UNRECORDED

__all__ = ["Recoveries", "outlived", "percentile", "recoveries_of"]


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
    touched = _touched(fault)
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


def outlived(evidence: Evidence) -> list[float]:
    """Seconds for which runs went on after their lease was lost, while nothing held their process up."""
    found = []
    for run, end in evidence.end_of.items():
        lease = evidence.lease_of.get(run)
        if lease is None or lease.end is None or lease.end.name not in UNRECORDED or end.at <= lease.end.at:
            continue
        held_up = [
            fault.ended
            for fault in evidence.history.faults
            if fault.began <= end.at and (lease.pid in _touched(fault) or fault.kind in EVERYWHERE)
        ]
        found.append(max(0, end.at - max([lease.end.at, *held_up])) / 1_000_000)
    return found


def _touched(fault: Fault) -> set[int]:
    return {*fault.pids, *fault.more.get("orphans", ())}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which that share of the values lies; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
