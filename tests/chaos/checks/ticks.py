"""I5: one job per tick; a tick that has none is named by an event."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.checks.evidence import Broken, Evidence
from workstreams.log.lines import microseconds

__all__ = ["Ticks", "broken_ticks", "ticks_of"]

SECOND = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Ticks:
    """What became of every tick, all in µs since 1970.

    Attributes:
      jobs: The jobs of each tick that fired or ran.
      fired: How often the system says that each tick fired.
      skipped: Ticks that an event says were skipped.
      missed: Ticks between the first and the last that are neither.
    """

    jobs: Mapping[int, set[str]]
    fired: Mapping[int, int]
    skipped: set[int]
    missed: Sequence[int]


def ticks_of(evidence: Evidence) -> Ticks:
    """Read the ticks from the events, and from what their jobs noted."""
    jobs: dict[int, set[str]] = defaultdict(set)
    fired: dict[int, int] = defaultdict(int)
    skipped: set[int] = set()
    for event in evidence.history.events:
        if event.name == "fired":
            jobs[microseconds(event.more["tick"])].add(event.job)
            fired[microseconds(event.more["tick"])] += 1
        elif event.name == "tick_skipped":
            last = microseconds(event.more["tick"])
            first = microseconds(event.more.get("first", event.more["tick"]))
            skipped |= set(range(first, last + 1, SECOND))
    for note in evidence.starts:
        if note.tick:
            jobs[microseconds(note.tick)].add(note.job)
    return Ticks(jobs, fired, skipped, _missed(jobs, skipped, _last(evidence)))


def _last(evidence: Evidence) -> int:
    """Until when every tick has to be decided: the peace at the end begins no earlier."""
    return max((fault.began for fault in evidence.history.faults if fault.kind == "peace"), default=0)


def _missed(jobs: Mapping[int, object], skipped: set[int], until: int) -> list[int]:
    decided = skipped | set(jobs)
    if not decided:
        return []
    return [tick for tick in range(min(decided), max(*decided, until) + 1, SECOND) if tick not in decided]


def broken_ticks(evidence: Evidence) -> Iterator[Broken]:
    """Ticks with two jobs, and ticks without one."""
    ticks = ticks_of(evidence)
    if not ticks.fired:
        yield Broken("I5", "no tick fired at all")
    for tick, jobs in ticks.jobs.items():
        if len(jobs) > 1:
            yield Broken("I5", f"tick {tick} has {len(jobs)} jobs: {', '.join(sorted(jobs))}", min(jobs))
    for tick, times in ticks.fired.items():
        if times > 1:
            yield Broken("I5", f"tick {tick} fired {times} times", min(ticks.jobs[tick]))
        if tick in ticks.skipped:
            yield Broken("I5", f"tick {tick} fired, and was skipped as well", min(ticks.jobs[tick]))
    for tick in ticks.missed:
        yield Broken("I5", f"tick {tick} has no job, and no event says that it was skipped")
