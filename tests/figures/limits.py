"""How exactly each shape of a limit holds, how much of it is used, and what that costs Redis."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from tests.chaos.windows import most_at_once, most_in_any, over_in_any
from tests.figures.meter import Reading, read
from tests.figures.project import a_project, of_actors
from tests.figures.shapes import SECOND, Shape, most_starts
from workstreams.declare.config.limits import RateLimit

__all__ = ["Found", "busy_share", "costs_of", "measure", "row_of", "used_share"]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a run left.

    Attributes:
      rates: Those that had to hold.
      concurrency: Jobs at once that had to hold.
      at_redis: When each job started, µs at the server's clock.
      at_jobs: The same at the jobs' own clock.
      leases: Begin and end of each run at the server's clock.
      runs: The same at the jobs' own clock.
      lasted: µs from the first start to the end of the run.
      spent: What the server did.
      late: Starts that came later after their admission than the margin allows.
      lost: Jobs that are nowhere.
    """

    rates: Sequence[RateLimit]
    concurrency: int | None
    at_redis: Sequence[int]
    at_jobs: Sequence[int]
    leases: Sequence[tuple[int, int]]
    runs: Sequence[tuple[int, int]]
    lasted: int
    spent: Reading
    late: int
    lost: int

    def broken(self) -> list[str]:
        """Every promise that was not kept."""
        found = [f"{self.lost} jobs are lost"] if self.lost else []
        for rate in self.rates:
            if over := over_in_any(self.at_redis, rate.window + rate.margin, rate.permits):
                found.append(f"{over} starts are too many for {_words(rate)} at the server's clock")
            if most_in_any(self.at_jobs, rate.window)[0] > rate.permits + self.late:
                found.append(f"more than {_words(rate)} started by the jobs' clock, and were not late")
            if most_in_any(self.at_redis, 1)[0] > (rate.burst or rate.permits):
                found.append(f"more than a burst of {_words(rate)} started at one instant")
        for clock, spans in (("the server's", self.leases), ("the jobs'", self.runs)):
            if self.concurrency and most_at_once(spans)[0] > self.concurrency:
                found.append(f"more than {self.concurrency} ran at once by {clock} clock")
        return found


def _words(rate: RateLimit) -> str:
    return f"{rate.permits}/{rate.window / SECOND:g}s"


def used_share(starts: Sequence[int], rates: Sequence[RateLimit], lasted: int) -> float:
    """Percent of the starts that the rates leave with their margins, while many wait.

    Whole windows are looked at, if there is one: how the last one begins says nothing.
    """
    span = min(rate.window + rate.margin for rate in rates)
    looked = lasted // span * span or lasted
    started = sum(1 for at in starts if at - starts[0] < looked)
    return 100 * started / most_starts(rates, looked)


def busy_share(runs: Sequence[tuple[int, int]], concurrency: int, lasted: int) -> float:
    """Percent of the time of all slots in which jobs ran, by the jobs' own clock."""
    began = min(begin for begin, _ in runs)
    over = began + lasted
    busy = sum(min(end, over) - min(begin, over) for begin, end in runs)
    return 100 * busy / (concurrency * lasted)


def measure(url: str, shape: Shape, processes: int, seconds: float) -> Found:
    """One run.

    Parameters:
      url: A server that is nobody else's.
      shape: The limits.
      processes: Worker processes under one supervisor.
      seconds: How long the backlog is worked on.
    """
    with a_project(url, shape.document, of_actors(*shape.workstreams)) as project:
        ids = {
            name: project.fleet.send(name, name, shape.backlog(seconds), shape.work)
            for name in shape.workstreams
        }
        project.start(processes)
        before = read(project.client)
        project.resume()
        time.sleep(seconds)  # the run
        project.pause()
        spent, over = read(project.client) - before, project.now()
        starts = project.times_of("started")
        return Found(
            rates=shape.rates,
            concurrency=shape.concurrency,
            at_redis=starts,
            at_jobs=sorted(begin for begin, _ in project.runs()),
            leases=project.leases(),
            runs=project.runs(),
            lasted=over - starts[0],
            spent=spent,
            late=project.total("late"),
            lost=project.lost(ids),
        )


def row_of(shape: Shape, processes: int, found: Found) -> dict[str, object]:
    """One line of the table."""
    started = len(found.at_redis)
    return {
        "shape": shape.name,
        "system": "workstreams",
        "processes": processes,
        "started": started,
        "worst_at_redis": _worst(found.at_redis, found.rates, held=True),
        "worst_at_jobs": _worst(found.at_jobs, found.rates),
        "late": found.late,
        "at_one_instant": most_in_any(found.at_redis, 1)[0],
        "leased_at_once": most_at_once(found.leases)[0],
        "running_at_once": most_at_once(found.runs)[0],
        "used_percent": _used(found),
        **costs_of(found.spent, started),
        "lost": found.lost,
        "broken": len(found.broken()),
    }


def _used(found: Found) -> float:
    by_rates = used_share(found.at_redis, found.rates, found.lasted) if found.rates else 0.0
    if found.concurrency is None:
        return round(by_rates, 1)
    return round(max(by_rates, busy_share(found.runs, found.concurrency, found.lasted)), 1)


def _worst(times: Sequence[int], rates: Sequence[RateLimit], *, held: bool = False) -> str:
    """The most in any window of each rate, of what it permits; held: with the margin."""
    worst = (most_in_any(times, rate.window + (rate.margin if held else 0))[0] for rate in rates)
    return ", ".join(f"{most} of {_words(rate)}" for most, rate in zip(worst, rates, strict=True))


def costs_of(spent: Reading, started: int) -> dict[str, object]:
    """What a start cost the server."""
    jobs = started or 1
    return {
        "calls_a_job": round(spent.calls / jobs, 2),
        "round_trips_a_job": round(spent.reads / jobs, 2),
        "script_us_a_job": round(spent.script_us / jobs),
        "redis_cpu_us_a_job": round(spent.cpu_us / jobs),
    }
