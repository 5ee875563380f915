"""I1: every send that returned is finished, or dead with a reason; and what is finished has run."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.causes import INNOCENT, cause_of
from tests.chaos.checks.evidence import SLACK, Broken, Evidence
from tests.chaos.checks.orders import cancels_of
from tests.chaos.history import Event, Send
from tests.chaos.leases import Life

__all__ = ["broken_sends", "forgotten"]

#: Ends of a process that a job may be running at before it is dead; the config's default.
MOST_DELIVERIES = 3


def broken_sends(evidence: Evidence) -> Iterator[Broken]:
    """Sends that were lost, and jobs that ended otherwise than they ran."""
    for send in evidence.history.sends.values():
        if send.acked is not None and not _arrived(evidence, send.job) and not _excused(evidence, send):
            yield Broken("I1", "its send returned, and no event says that it was sent", send.job)
    for life in evidence.lives.values():
        if life.final is not None:
            yield from _broken_end(evidence, life, life.final)
        elif _arrived(evidence, life.job):
            state = evidence.history.left.get(life.job, "not kept any more")
            last = life.events[-1].name
            yield Broken("I1", f"it never ended: it is {state}, and its last event is {last}", life.job)


def forgotten(evidence: Evidence) -> list[str]:
    """Jobs whose send returned and that went with the unsaved writes of a crash: no loss of ours."""
    return [
        send.job
        for send in evidence.history.sends.values()
        if send.acked is not None and not _arrived(evidence, send.job) and _excused(evidence, send)
    ]


def _arrived(evidence: Evidence, job: str) -> bool:
    """Whether Redis knows of its send; of one it forgot, it may still be told a finish to refuse."""
    life = evidence.lives.get(job)
    return life is not None and life.ends(("sent",)) > 0


def _excused(evidence: Evidence, send: Send) -> bool:
    """Only a job of which Redis knows nothing at all can have been forgotten by it."""
    assert send.acked is not None
    return evidence.may_be_forgotten(send.at, send.acked)


def _broken_end(evidence: Evidence, life: Life, final: Event) -> Iterator[Broken]:
    if final.name == "finished":
        yield from _not_run(evidence, life, final)
    elif final.name != "dead":
        if final.name != "cancelled" or life.job not in cancels_of(evidence):
            yield Broken("I1", f"nobody asked for it, but it is {final.name}", life.job)
    elif final.more.get("type") != "Poison" or life.ends(("reaped",)) < MOST_DELIVERIES:
        ended = f"it is dead without having ended {MOST_DELIVERIES} processes"
        yield Broken("I1", f"{ended}: {dict(final.more)}", life.job)
    else:
        yield from _innocent(evidence, life)


def _innocent(evidence: Evidence, life: Life) -> Iterator[Broken]:
    causes = [(lease.delivery, cause_of(evidence, lease)) for lease in life.leases]
    innocent = [(delivery, cause) for delivery, cause in causes if cause in INNOCENT]
    if innocent:
        told = ", ".join(f"delivery {delivery} was ended by {cause}" for delivery, cause in innocent)
        yield Broken("I1", f"it is dead as poison, but {told}, and its process was not", life.job)


def _not_run(evidence: Evidence, life: Life, final: Event) -> Iterator[Broken]:
    lease = next((one for one in life.leases if one.end is final), None)
    if lease is None:
        # Its start may have gone with the unsaved writes of a crash, and its end not.
        if not evidence.tails:
            yield Broken("I1", "it is finished, but it held no lease then", life.job)
        return
    end = evidence.end_of.get((life.job, lease.delivery, lease.pid))
    if end is None or end.what != "end" or end.at > final.at + SLACK:
        told = f"delivery {lease.delivery} is recorded as finished before it noted its end"
        yield Broken("I1", told, life.job)
