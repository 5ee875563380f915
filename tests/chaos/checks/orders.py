"""I8: what an operator asked for is in force from the reply on, and nothing that nobody asked for happens."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.history import Fault

__all__ = ["broken_orders", "cancels_of"]

#: µs; none lasts longer.
LONGEST_PAUSE = 2_000_000

#: States in which a cancel ends a job at once.
WAITS = ("waiting", "scheduled")


def cancels_of(evidence: Evidence) -> dict[str, Fault]:
    """Jobs that somebody asked to cancel; the first time, if it was several."""
    asked = [fault for fault in evidence.history.faults if fault.kind == "cancel" and fault.more["job"]]
    return {fault.more["job"]: fault for fault in reversed(asked)}


def broken_orders(evidence: Evidence) -> Iterator[Broken]:
    """Starts while all was paused, and jobs that ran or ended otherwise although they were cancelled."""
    pauses = [fault for fault in evidence.history.faults if fault.kind == "pause" and fault.more["certain"]]
    for event in evidence.calls:
        amid = event.name == "started" and any(one.began < event.at < one.ended for one in pauses)
        # The pause itself may be forgotten as well.
        if amid and not evidence.may_be_forgotten(event.at - LONGEST_PAUSE, event.at):
            yield Broken("I8", f"it started at {event.at}, while its workstream was paused", event.job)
    for job, asked in cancels_of(evidence).items():
        if asked.more["was"] in WAITS and not evidence.may_be_forgotten(asked.began, asked.ended):
            yield from _not_cancelled(evidence, job, asked)


def _not_cancelled(evidence: Evidence, job: str, asked: Fault) -> Iterator[Broken]:
    life = evidence.lives.get(job)
    if life is None:
        return
    if life.final is None or life.final.name != "cancelled":
        final = life.final.name if life.final else "not ended"
        yield Broken("I8", f"it was cancelled while it was {asked.more['was']}, and it is {final}", job)
    if any(lease.began.at > asked.ended for lease in life.leases):
        yield Broken("I8", f"it was started although it had been cancelled at {asked.ended}", job)
