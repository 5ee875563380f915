"""I4: runs = 1 + the times a lease ended without a recorded finish; and nothing runs without a lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.checks.evidence import SLACK, Broken, Evidence
from tests.chaos.history import Note
from tests.chaos.leases import AGAIN, RECORDED, Life

__all__ = ["broken_runs"]

#: µs that a run may begin after its admission was forgotten, while its process was stopped meanwhile.
LONGEST_STOP = 20_000_000


def broken_runs(evidence: Evidence) -> Iterator[Broken]:
    """Runs that no end of a lease accounts for."""
    for life in evidence.lives.values():
        yield from _broken_life(life)
        yield from _unaccounted(evidence, life)
    for note in evidence.starts:
        yield from _broken_start(evidence, note)
    yield from _twice(evidence)


def _broken_life(life: Life) -> Iterator[Broken]:
    for lease in life.doubled:
        yield Broken("I4", f"delivery {lease.delivery} was leased while the one before was live", life.job)
    for event in life.after:
        yield Broken("I4", f"it was started again at {event.at} although it had ended", life.job)


def _unaccounted(evidence: Evidence, life: Life) -> Iterator[Broken]:
    runs, allowed = len(evidence.starts_of.get(life.job, ())), 1 + life.ends(AGAIN)
    if runs > allowed and not evidence.tails:
        ends = f"{allowed - 1} ends of a lease without a finish"
        yield Broken("I4", f"it ran {runs} times, with {ends}", life.job)
    for lease in life.leases:
        ran = any(note.delivery == lease.delivery for note in evidence.starts_of.get(life.job, ()))
        if lease.end is not None and lease.end.name in RECORDED and not ran:
            yield Broken(
                "I4", f"delivery {lease.delivery} ended as {lease.end.name} without having run", life.job
            )


def _broken_start(evidence: Evidence, note: Note) -> Iterator[Broken]:
    if note.job not in evidence.history.sends and not note.of:
        yield Broken("I4", "it ran, and nobody sent it", note.job)
    if evidence.may_be_forgotten(note.at - LONGEST_STOP, note.at):
        return
    lease = evidence.lease_of.get((note.job, note.delivery, note.pid))
    if lease is None:
        yield Broken("I4", f"delivery {note.delivery} ran in {note.pid} without an admission", note.job)
    elif note.at < lease.began.at - SLACK:
        yield Broken("I4", f"delivery {note.delivery} ran before its admission", note.job)


def _twice(evidence: Evidence) -> Iterator[Broken]:
    runs: dict[tuple[str, int], list[int]] = defaultdict(list)
    for note in evidence.starts:
        runs[note.job, note.delivery].append(note.at)
    for (job, delivery), times in runs.items():
        # The number of a delivery that was forgotten is given again.
        if len(times) > 1 and not evidence.may_be_forgotten(times[0] - LONGEST_STOP, times[-1]):
            yield Broken("I4", f"delivery {delivery} ran {len(times)} times", job)
