"""The command ``live``: how soon a changed limit is reached, and whether any start followed the old one.

Each change is known by two instants at the server's clock: when it was asked for, and when it was answered.
A start between them may follow either value; every other start is held against the value of its time.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.figures.project import Project, a_project, a_server, of_actors
from tests.figures.show import progress, show
from workstreams.control.limiting import Change, change_limit
from workstreams.units import parse_rate

__all__ = ["CASES", "Case", "Step", "allowed_at", "measure", "options", "run", "until", "violations"]

SECOND = 1_000_000

#: A window of one second is held this much longer.
SPAN = SECOND + 10_000

PROCESSES = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A limit and what becomes of it.

    Attributes:
      name: ``rate``, per second, or ``concurrency``.
      values: One after the other.
      work: Seconds that each job takes.
    """

    name: str
    values: tuple[int, ...]
    work: float = 0.0

    def limit(self, value: int) -> dict[str, Any]:
        """The keys of the config."""
        return {"rate": f"{value}/s"} if self.name == "rate" else {"concurrency": value}

    def change(self, value: int) -> Change:
        """What is to be allowed from now on."""
        if self.name == "rate":
            return Change(rates=(parse_rate(f"{value}/s"),))
        return Change(concurrency=value)


CASES = (Case("rate", (50, 200, 20)), Case("concurrency", (50, 5, 50), work=0.2))


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One value.

    Attributes:
      value: What is allowed.
      asked: µs at the server's clock before the change was asked for.
      answered: The same after it was answered.
    """

    value: int
    asked: int
    answered: int


def allowed_at(steps: Sequence[Step], at: int) -> int:
    """What is allowed at an instant: the larger of two values while one gives way to the other."""
    last = max(number for number, step in enumerate(steps) if step.asked <= at or number == 0)
    before = steps[last - 1].value if last and at < steps[last].answered else 0
    return max(steps[last].value, before)


def _levels(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Instant, how many spans hold it, and whether one began."""
    changes = sorted(change for begin, end in spans for change in ((end, False), (begin, True)))
    level = 0
    for at, begins in changes:
        level += 1 if begins else -1
        yield at, level, begins


def violations(spans: Sequence[tuple[int, int]], steps: Sequence[Step]) -> list[int]:
    """When a job started that was one too many for what was allowed at that time.

    Parameters:
      spans: From each start to when it counts no longer.
      steps: What was allowed.
    """
    return [at for at, level, begins in _levels(spans) if begins and level > allowed_at(steps, at)]


def until(spans: Sequence[tuple[int, int]], step: Step, *, upward: bool) -> float | None:
    """Milliseconds from the answer until a new value was reached; None if it never was."""
    level_then = 0
    for at, level, _ in _levels(spans):
        if at < step.answered:
            level_then = level
            continue
        if _is_reached(level_then, step.value, upward):
            return 0.0
        if _is_reached(level, step.value, upward):
            return round((at - step.answered) / 1_000, 1)
        level_then = level
    return None


def _is_reached(level: int, value: int, upward: bool) -> bool:
    return level >= value if upward else level <= value


def options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--only", nargs="*", choices=[case.name for case in CASES])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each value (4)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and show; returns what was broken."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    with a_server() as url:
        rows = [row for case in progress(cases) for row in measure(url, case, options.seconds)]
    show("live", rows)
    checks = ((row, name) for row in rows for name in ("violations", "lost") if row[name])
    return [f"{row['change']}: {row[name]} {name}" for row, name in checks]


def measure(url: str, case: Case, seconds: float) -> list[Mapping[str, Any]]:
    """Every change of one limit, as lines of the table.

    Parameters:
      url: A server that is nobody else's.
      case: The limit.
      seconds: How long each value holds.
    """
    document = {"workstreams": {"work": {"paused": True, "threads": 32, **case.limit(case.values[0])}}}
    with a_project(url, document, of_actors("work")) as project:
        a_second = max(case.values) / (case.work or 1)
        sent = project.fleet.send(
            "work", "work", round(a_second * (seconds + 2) * len(case.values)), case.work
        )
        project.start(PROCESSES)
        project.resume()
        steps = [Step(case.values[0], 0, 0)]
        time.sleep(seconds)  # under the first value
        for value in case.values[1:]:
            asked = project.now()
            change_limit(project.fleet.broker.link, project.fleet.broker.config, "work", case.change(value))
            steps.append(Step(value, asked, project.now()))
            time.sleep(seconds)  # under this one
        project.pause()
        return list(_rows(case, project, steps, project.lost({"work": sent})))


def _rows(case: Case, project: Project, steps: Sequence[Step], lost: int) -> Iterator[Mapping[str, Any]]:
    starts = project.times_of("started")
    rated = case.name == "rate"
    # What a rate promises is its window; what it does is the window and the margin.
    wrong = violations([(at, at + SECOND) for at in starts] if rated else project.leases(), steps)
    spans = [(at, at + SPAN) for at in starts] if rated else project.leases()
    ends = [*(step.asked for step in steps[2:]), starts[-1] + 1]
    for before, step, end in zip(steps, steps[1:], ends, strict=False):
        since = 0 if before is steps[0] else step.asked
        yield {
            "change": f"{case.name} {before.value} to {step.value}",
            "reached_ms": until(spans, step, upward=step.value > before.value),
            "answer_ms": round((step.answered - step.asked) / 1_000, 1),
            "starts_after": sum(1 for at in starts if step.answered <= at < end),
            "violations": sum(1 for at in wrong if since <= at < end),
            "lost": lost,
        }
