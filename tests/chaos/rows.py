"""What was seen of each promise, as one line of text each."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.causes import causes_of, ends_of_their_own
from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.checks.follow_ups import follow_ups_of
from tests.chaos.checks.orders import cancels_of
from tests.chaos.checks.rates import margin_of
from tests.chaos.checks.sends import forgotten
from tests.chaos.checks.slots import leases_at_once, runs_at_once
from tests.chaos.checks.ticks import ticks_of
from tests.chaos.recovery import outlived, percentile, recoveries_of
from tests.chaos.share import share_of
from tests.chaos.windows import most_in_any, over_in_any

__all__ = ["Row", "rows_of"]

#: Faults that are none: what the fleet's keeper noted, and the end of the fire.
NOT_FAULTS = ("started", "ended", "stopped", "peace")


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
      name: What was looked at.
      seen: What was seen.
      promise: The promise that it shows; ``share`` for the one wish, "" for neither.
      fine: Whether that was kept; None where nothing was promised.
    """

    name: str
    seen: str
    promise: str = ""
    fine: bool | None = None


def rows_of(evidence: Evidence, broken: Sequence[Broken]) -> list[Row]:
    """The table's rows, in order.

    Parameters:
      evidence: What happened.
      broken: What the judge found.
    """
    found = {one.promise for one in broken}
    makers: tuple[Callable[[Evidence], Iterator[Row]], ...] = (
        _session,
        _sends,
        _runs,
        _rates,
        _slots,
        _ticks,
        _orders,
        _recoveries,
        _share,
        _ends,
    )
    rows = [row for make in makers for row in make(evidence)]
    return [
        dataclasses.replace(row, fine=row.promise not in found) if row.promise.startswith("I") else row
        for row in rows
    ]


def _session(evidence: Evidence) -> Iterator[Row]:
    kinds = Counter(fault.kind for fault in evidence.history.faults if fault.kind not in NOT_FAULTS)
    yield Row("faults", ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none")
    events = [event.at for event in evidence.history.events] or [0]
    peace = max((fault.began for fault in evidence.history.faults if fault.kind == "peace"), default=0)
    fire, rest = (peace - min(events)) / 1_000_000, max(0, max(events) - peace) / 1_000_000
    yield Row("duration", f"{fire:.1f} s under fire, {rest:.1f} s until the rest had run")


def _sends(evidence: Evidence) -> Iterator[Row]:
    sends = evidence.history.sends.values()
    unknown = [send.job for send in sends if send.acked is None]
    arrived = sum(job in evidence.lives for job in unknown)
    yield Row(
        "sent", f"{len(sends) - len(unknown):,}; {len(unknown)} more raised, {arrived} of them had arrived"
    )
    lost = [job for job in evidence.history.sends if _is_lost(evidence, job)]
    dead = sum(life.final is not None and life.final.name == "dead" for life in evidence.lives.values())
    gone = forgotten(evidence)
    text = f"{len(lost) - len(gone)}; {dead} dead as poison"
    yield Row("lost", text + (f"; {len(gone)} gone with Redis's unsaved writes" if gone else ""), "I1")


def _is_lost(evidence: Evidence, job: str) -> bool:
    life = evidence.lives.get(job)
    return evidence.history.sends[job].acked is not None and (life is None or life.final is None)


def _runs(evidence: Evidence) -> Iterator[Row]:
    lives, starts, causes = evidence.lives, evidence.starts_of, causes_of(evidence)
    twice = sum(job in lives and len(starts[job]) > 1 + lives[job].ends(("retrying",)) for job in starts)
    in_flight = recoveries_of(evidence).in_flight
    text = f"{twice}; {in_flight} in flight in processes when faults were done to them; "
    text += f"{causes.total()} leases ended without a finish"
    by = ", ".join(f"{number} by {cause}" for cause, number in causes.most_common())
    yield Row("ran twice", text + (f": {by}" if by else ""), "I4")
    numbers = Counter(len(jobs) for jobs in follow_ups_of(evidence).values())
    more = numbers.total() - numbers[1]
    yield Row("sent by a finish", f"{numbers[1]:,} once, {more} more often", "I4")


def _rates(evidence: Evidence) -> Iterator[Row]:
    started = [event.at for event in evidence.calls if event.name == "started"]
    arrivals = [one.at for one in evidence.history.arrivals]
    limits = evidence.history.settings.limits
    over = sum(over_in_any(started, rate.window, rate.permits) for rate in limits)
    most = [f"{most_in_any(started, rate.window)[0]:,} of {rate}" for rate in limits]
    yield Row("over-admissions", f"{over}; most in any window {', '.join(most)}", "I2")
    arrived = [f"{most_in_any(arrivals, rate.window)[0]:,} of {rate}" for rate in limits]
    text = f"most in any window {', '.join(arrived)}; {_late(evidence):,} starts late"
    yield Row("at the receiver", f"{text}, {evidence.history.late:,} counted as such")


def _late(evidence: Evidence) -> int:
    margin, late = min(margin_of(rate.window) for rate in evidence.history.settings.limits), 0
    for note in evidence.begun_calls:
        lease = evidence.lease_of.get((note.job, note.delivery, note.pid))
        late += lease is not None and note.at - lease.began.at >= margin
    return late


def _slots(evidence: Evidence) -> Iterator[Row]:
    allowed = evidence.history.settings.concurrency
    leased, ran = leases_at_once(evidence)[0], runs_at_once(evidence, recorded=False)[0]
    yield Row("at once", f"{leased} of {allowed}; {ran} by the jobs' clocks, lost leases included", "I3")


def _ticks(evidence: Evidence) -> Iterator[Row]:
    ticks = ticks_of(evidence)
    doubled = sum(len(jobs) > 1 for jobs in ticks.jobs.values())
    text = f"{len(ticks.fired)} fired, {doubled} doubled, {len(ticks.missed)} missed"
    yield Row("ticks", f"{text}, {len(ticks.skipped)} skipped by name", "I5")


def _orders(evidence: Evidence) -> Iterator[Row]:
    pauses = sum(fault.kind == "pause" for fault in evidence.history.faults)
    lives, asked = evidence.lives, cancels_of(evidence)
    finals = [life.final for job in asked if (life := lives.get(job)) is not None]
    ended = sum(final is not None and final.name == "cancelled" for final in finals)
    if pauses or asked:
        yield Row("operators", f"{pauses} pauses; {ended} jobs cancelled, of {len(asked)} asked for", "I8")


def _recoveries(evidence: Evidence) -> Iterator[Row]:
    recoveries = recoveries_of(evidence)
    yield _times("run again after a fault", recoveries.all_again)
    for kind, found in sorted(recoveries.again.items()):
        yield _times(f"  after {kind}", found)
    yield _times("work after Redis was back", recoveries.back)
    yield _times("ran on without a lease", outlived(evidence))


def _times(name: str, found: Sequence[float]) -> Row:
    if not found:
        return Row(name, "never needed")
    p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
    return Row(name, f"p50 {p50:.2f} s, p99 {p99:.2f} s, longest {max(found):.2f} s, of {len(found)}")


def _share(evidence: Evidence) -> Iterator[Row]:
    share, least = share_of(evidence), evidence.history.settings.share
    yield Row("share of what was allowed", f"{share:.1f} %", "share", share >= least if least else None)


def _ends(evidence: Evidence) -> Iterator[Row]:
    ends = Counter(f"{one.more['place']} with {one.more['code']}" for one in ends_of_their_own(evidence))
    if ends:
        yield Row(
            "ended by themselves", ", ".join(f"{number} × {end}" for end, number in sorted(ends.items()))
        )
