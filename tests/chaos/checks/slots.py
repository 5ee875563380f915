"""I3: a concurrency holds at every instant.

Judged by the leases that the events tell of, and, without asking those when a lease began, by the
jobs' own starts and ends. A run that went on after its lease was lost holds no slot: it is
left out here, and shown in the report.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.leases import RECORDED
from tests.chaos.windows import Most, most_at_once

__all__ = ["broken_slots", "leases_at_once", "runs_at_once"]


def broken_slots(evidence: Evidence) -> Iterator[Broken]:
    """Instants at which more ran than may."""
    allowed = evidence.history.settings.concurrency
    number, at = leases_at_once(evidence)
    if number > allowed:
        yield Broken("I3", f"{number} live leases at {at}, allowed are {allowed}")
    number, at = runs_at_once(evidence, recorded=True)
    if number > allowed:
        yield Broken("I3", f"{number} jobs that later finished ran at {at}, allowed are {allowed}")


def leases_at_once(evidence: Evidence) -> Most:
    """The most live leases, and when that was."""
    never = 1 << 62
    return most_at_once((x.began.at, x.end.at if x.end else never) for x in evidence.leases)


def runs_at_once(evidence: Evidence, *, recorded: bool) -> Most:
    """The most runs by their own clocks, and when that was.

    Parameters:
      evidence: Where to look.
      recorded: Whether to count only runs whose finish was recorded: they held their lease to the end.
    """
    spans = []
    for note in evidence.begun_calls:
        end = evidence.end_of.get((note.job, note.delivery, note.pid))
        lease = evidence.lease_of.get((note.job, note.delivery, note.pid))
        finished = lease is not None and lease.end is not None and lease.end.name in RECORDED
        held = finished and not evidence.may_be_forgotten(note.at, note.at)
        if end is not None and (held or not recorded):
            spans.append((note.at, end.at))
    return most_at_once(spans)
