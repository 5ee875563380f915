"""Which fault ended a lease without a finish, and which processes ended though nothing was done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checks.evidence import Evidence
from tests.chaos.history import Fault
from tests.chaos.leases import UNRECORDED, Lease

__all__ = ["EVERYWHERE", "INNOCENT", "NOTHING", "cause_of", "causes_of", "ends_of_their_own"]

#: What is said of a lease whose process, and whose way to Redis, nothing was done to.
NOTHING = "nothing"

#: What reaches every process, the likeliest cause first.
EVERYWHERE = ("power", "redis", "hang", "delay", "drop", "cut", "full")

#: Causes that no job can be blamed for: its process was there, and so was the way to Redis, but for a moment.
INNOCENT = (NOTHING, "power", "redis", "drop", "cut", "full")

#: What a process says that hands its jobs back before it ends in order.
ORDERLY = ("the worker stops", "the worker stopped")


def causes_of(evidence: Evidence) -> Counter[str]:
    """How many leases each kind of fault ended without a finish."""
    leases = [lease for life in evidence.lives.values() for lease in life.leases]
    return Counter(cause for lease in leases if (cause := cause_of(evidence, lease)))


def cause_of(evidence: Evidence, lease: Lease) -> str:
    """The kind of fault that ended a lease without a finish; "" if it did not end like that."""
    if lease.end is None or lease.end.name not in UNRECORDED:
        return ""
    if lease.end.more.get("reason") in ORDERLY:
        return "an orderly stop"
    # A lease lasts on after the last renewal, and what happened just before it began may show then.
    since = lease.began.at - round(2 * evidence.history.settings.lease * 1_000_000)
    during = [one for one in evidence.history.faults if one.began <= lease.end.at and one.ended >= since]
    touched = [one.kind for one in during if lease.pid in (*one.pids, *one.more.get("orphans", ()))]
    everywhere = [kind for kind in EVERYWHERE if any(one.kind == kind for one in during)]
    return next(iter([*touched, *everywhere]), NOTHING)


def ends_of_their_own(evidence: Evidence) -> Iterator[Fault]:
    """Ends of supervisors and schedulers that no fault caused."""
    for fault in evidence.history.faults:
        if fault.kind == "ended" and not fault.more["ours"]:
            yield fault
