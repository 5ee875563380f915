"""The table at the end of a session: what was promised, and what was seen."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from rich.table import Table

from tests.chaos.causes import causes_of, ends_of_their_own
from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.checks.follow_ups import follow_ups_of
from tests.chaos.checks.rates import margin_of
from tests.chaos.checks.sends import forgotten
from tests.chaos.checks.slots import leases_at_once, runs_at_once
from tests.chaos.checks.ticks import ticks_of
from tests.chaos.recovery import Recoveries, percentile, recoveries_of
from tests.chaos.share import share_of
from tests.chaos.windows import most_in_any

__all__ = ["Row", "rows_of", "table_of"]


#: A row that is a wish, not a promise.
SHARE = "share of what was allowed"

_MARKS = {True: "[green]kept[/]", False: "[bold red]BROKEN[/]", None: ""}
_SHARES = {True: "[green]enough[/]", False: "[bold red]too little[/]", None: ""}


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
      name: What was looked at.
      seen: What was seen.
      fine: Whether that is what was promised; None where nothing was.
    """

    name: str
    seen: str
    fine: bool | None = None


def rows_of(evidence: Evidence, broken: Sequence[Broken]) -> list[Row]:
    """The table's rows, in order."""
    kept = {
        promise: not any(one.promise == promise for one in broken)
        for promise in ("I1", "I2", "I3", "I4", "I5")
    }
    recoveries = recoveries_of(evidence)
    makers: tuple[Callable[[], Row | list[Row]], ...] = (
        lambda: _faults(evidence),
        lambda: _sent(evidence),
        lambda: _lost(evidence, broken, kept["I1"]),
        lambda: _twice(evidence, recoveries, kept["I4"]),
        lambda: _rates(evidence, kept["I2"]),
        lambda: _slots(evidence, kept["I3"]),
        lambda: _followed(evidence, broken),
        lambda: _ticks(evidence, kept["I5"]),
        lambda: _recovery(recoveries),
        lambda: _share(evidence),
        lambda: _ended(evidence),
    )
    rows: list[Row] = []
    for make in makers:
        made = make()
        rows += made if isinstance(made, list) else [made]
    return rows


def table_of(rows: Sequence[Row], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=title, title_justify="left", show_header=False)
    for row in rows:
        table.add_row(row.name, row.seen, _MARKS[row.fine] if row.name != SHARE else _SHARES[row.fine])
    return table


def _faults(evidence: Evidence) -> Row:
    quiet = ("started", "ended", "stopped", "peace")
    kinds = Counter(fault.kind for fault in evidence.history.faults if fault.kind not in quiet)
    return Row("faults", ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none")


def _sent(evidence: Evidence) -> Row:
    sends = evidence.history.sends.values()
    acked = sum(send.acked is not None for send in sends)
    unknown = [send.job for send in sends if send.acked is None]
    arrived = sum(job in evidence.lives for job in unknown)
    return Row("sent", f"{acked:,}; {len(unknown)} more raised, of which {arrived} had arrived")


def _lost(evidence: Evidence, broken: Sequence[Broken], fine: bool) -> Row:
    lost = sum(one.promise == "I1" and one.what.startswith(("its send", "it never ended")) for one in broken)
    dead = sum(life.final is not None and life.final.name == "dead" for life in evidence.lives.values())
    text = f"{lost}; {dead} dead as poison"
    if gone := len(forgotten(evidence)):
        text += f"; {gone} forgotten by Redis with its unsaved writes"
    return Row("lost", text, fine)


def _twice(evidence: Evidence, recoveries: Recoveries, fine: bool) -> Row:
    lives, starts = evidence.lives, evidence.starts_of
    twice = sum(job in lives and len(starts[job]) > 1 + lives[job].ends(("retrying",)) for job in starts)
    causes = causes_of(evidence)
    text = f"{twice}; {recoveries.in_flight} ran in processes when a fault was done to them; "
    text += f"{causes.total()} leases ended without a finish"
    if causes:
        text += f": {', '.join(f'{number} by {cause}' for cause, number in causes.most_common())}"
    return Row("ran twice", text, fine)


def _ended(evidence: Evidence) -> list[Row]:
    ends = Counter(f"{one.more['place']} with {one.more['code']}" for one in ends_of_their_own(evidence))
    if not ends:
        return []
    return [
        Row("ended by themselves", ", ".join(f"{number} × {end}" for end, number in sorted(ends.items())))
    ]


def _rates(evidence: Evidence, fine: bool) -> Row:
    started = [event.at for event in evidence.calls if event.name == "started"]
    texts = []
    for rate in evidence.history.settings.limits:
        at_redis = most_in_any(started, rate.window)[0]
        arrived = most_in_any((one.at for one in evidence.history.arrivals), rate.window)[0]
        texts.append(f"{rate}: {at_redis:,} at Redis, {arrived:,} at the receiver")
    margin = min(margin_of(rate.window) for rate in evidence.history.settings.limits)
    late = 0
    for note in evidence.begun_calls:
        lease = evidence.lease_of.get((note.job, note.delivery, note.pid))
        late += lease is not None and note.at - lease.began.at >= margin
    return Row(
        "most in any window",
        f"{'; '.join(texts)}; {late:,} starts late, counted {evidence.history.late:,}",
        fine,
    )


def _slots(evidence: Evidence, fine: bool) -> Row:
    allowed = evidence.history.settings.concurrency
    leased, ran = leases_at_once(evidence)[0], runs_at_once(evidence, recorded=False)[0]
    return Row(
        "most at once", f"{leased} of {allowed}; {ran} by the jobs' clocks, lost leases included", fine
    )


def _followed(evidence: Evidence, broken: Sequence[Broken]) -> Row:
    numbers = Counter(len(jobs) for jobs in follow_ups_of(evidence).values())
    fine = not any("followed it" in one.what for one in broken)
    return Row("sent by a finish", f"{numbers[1]:,} once, {numbers.total() - numbers[1]} more often", fine)


def _ticks(evidence: Evidence, fine: bool) -> Row:
    ticks = ticks_of(evidence)
    doubled = sum(len(jobs) > 1 for jobs in ticks.jobs.values())
    text = f"{len(ticks.fired)} fired, {doubled} doubled, {len(ticks.missed)} missed"
    text += f", {len(ticks.skipped)} skipped by name"
    return Row("ticks", text, fine)


def _recovery(recoveries: Recoveries) -> list[Row]:
    rows = [_times("run again after a fault", recoveries.all_again)]
    rows += [_times(f"  after {kind}", found) for kind, found in sorted(recoveries.again.items())]
    return [*rows, _times("work after Redis was back", recoveries.back)]


def _times(name: str, found: Sequence[float]) -> Row:
    if not found:
        return Row(name, "never needed")
    p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
    return Row(name, f"p50 {p50:.2f} s, p99 {p99:.2f} s, longest {max(found):.2f} s, of {len(found)}")


def _share(evidence: Evidence) -> Row:
    share, least = share_of(evidence), evidence.history.settings.share
    return Row(SHARE, f"{share:.1f} %", share >= least if least else None)
