"""Judges a history: every promise, and which job's history shows that it was broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.checks.follow_ups import broken_follow_ups
from tests.chaos.checks.orders import broken_orders
from tests.chaos.checks.rates import broken_rates
from tests.chaos.checks.runs import broken_runs
from tests.chaos.checks.sends import broken_sends
from tests.chaos.checks.slots import broken_slots
from tests.chaos.checks.ticks import broken_ticks

__all__ = ["judge", "story_of"]

CHECKS = (
    broken_sends,
    broken_rates,
    broken_slots,
    broken_runs,
    broken_follow_ups,
    broken_ticks,
    broken_orders,
)


def judge(evidence: Evidence) -> Sequence[Broken]:
    """Everything that broke a promise, in the order of the promises."""
    return [broken for check in CHECKS for broken in check(evidence)]


def story_of(evidence: Evidence, job: str) -> Iterable[str]:
    """Everything that is known of one job, in the order of the clock."""
    history = evidence.history
    told: list[tuple[int, str]] = []
    if (send := history.sends.get(job)) is not None:
        told.append((send.at, "its send began"))
        told.append((send.acked, "its send returned") if send.acked else (send.at, "its send did not return"))
    life = evidence.lives.get(job)
    for event in life.events if life else ():
        told.append((event.at, f"event {event.name} pid={event.pid} {dict(event.more)}"))
    for note in filter(lambda one: one.job == job, history.notes):
        told.append((note.at, f"run noted {note.what} of delivery {note.delivery} in {note.pid}"))
    for arrival in filter(lambda one: one.job == job, history.arrivals):
        told.append((arrival.at, f"arrival of delivery {arrival.delivery}"))
    pids = {note.pid for note in history.notes if note.job == job}
    first, last = (min(told)[0], max(told)[0]) if told else (0, 0)
    for fault in sorted(history.faults, key=attrgetter("began")):
        if pids & set(fault.pids) or (
            fault.kind not in ("started", "ended") and first <= fault.began <= last
        ):
            told.append((fault.began, f"fault {fault.kind} {list(fault.pids)} {dict(fault.more)}"))
    return [f"{at / 1_000_000:.6f}  {what}" for at, what in sorted(told)]
