"""The command ``quiet``: what a fleet asks of the server while it waits, and for each job that it starts.

Real worker processes under one supervisor, as many as are asked for: each takes about 55 MB.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from tests.chaos.windows import over_in_any
from tests.figures.meter import read
from tests.figures.project import Project, a_project, a_server, of_actors
from tests.figures.show import progress, show

__all__ = ["CASES", "Case", "measure", "options", "run"]

#: Jobs beyond what may start.
SPARE = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What is waited for.

    Attributes:
      name: As it is called in the table.
      limit: Keys of each workstream.
      permits: Starts in a second, 0 where nothing is sent.
      many: Whether by as many processes as are asked for, or by two.
      workstreams: How many there are; jobs are sent to the first.
    """

    name: str
    limit: Mapping[str, Any]
    permits: int
    many: bool = False
    workstreams: int = 1

    @property
    def document(self) -> dict[str, Any]:
        """A config, which begins paused."""
        plain = {"paused": True, "threads": 4 if self.many else 8, **self.limit}
        return {"workstreams": {f"work{number}": plain for number in range(self.workstreams)}}


CASES = (
    Case("a fleet on one limit", {"rate": "10/s"}, 10, many=True),
    Case("a fleet on one limit, burst 1", {"rate": "10/s", "burst": 1}, 10, many=True),
    Case("an idle fleet of ten workstreams", {}, 0, many=True, workstreams=10),
    Case("two processes, idle", {}, 0, workstreams=10),
    Case("two processes", {"rate": "50/s"}, 50),
    Case("two processes, burst 1", {"rate": "50/s", "burst": 1}, 50),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--only", nargs="*", metavar="CASE", choices=[case.name for case in CASES])
    parser.add_argument("--processes", type=int, default=50, help="of a fleet (50)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (10)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and show; returns what was broken."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    with a_server() as url:
        rows = [measure(url, case, options.processes, options.seconds) for case in progress(cases)]
    show("quiet", rows, repeat=2)
    return [f"{row['case']}: {row['too_many']} starts are too many" for row in rows if row["too_many"]] + [
        f"{row['case']}: {row['lost']} jobs are lost" for row in rows if row["lost"]
    ]


def measure(url: str, case: Case, many: int, seconds: float) -> dict[str, object]:
    """One run, as a line of the table.

    Parameters:
      url: A server that is nobody else's.
      case: What is waited for.
      many: How many processes a fleet has.
      seconds: How long.
    """
    processes = many if case.many else 2
    names = [f"work{number}" for number in range(case.workstreams)]
    with a_project(url, case.document, of_actors(*names)) as project:
        jobs = round(case.permits * (seconds + 3)) + SPARE if case.permits else 0
        ids = project.fleet.send("work0", "work0", jobs, 0) if jobs else []
        project.start(processes)
        project.resume()
        time.sleep(1.5)  # what the resuming sets off, and the first window, are no part of the waiting
        before, asked, began = read(project.client), _asked(project), project.now()
        time.sleep(seconds)  # what is measured
        spent, asking, over = read(project.client) - before, _asked(project) - asked, project.now()
        project.pause()
        starts = project.times_of("started")
        started = sum(1 for at in starts if began < at <= over)
        return {
            "case": case.name,
            "processes": processes,
            "started": started,
            "calls_a_job": round(spent.calls / started, 2) if started else None,
            "asks_a_job": round(asking / started, 2) if started else None,
            "calls_a_second_and_process": round(spent.calls / seconds / processes, 2),
            "round_trips_a_second_and_process": round(spent.reads / seconds / processes, 2),
            "redis_cpu_us_a_second": round(spent.cpu_us / seconds),
            "too_many": over_in_any(starts, 1_000_000, case.permits) if case.permits else 0,
            "lost": project.lost({"work0": ids}),
        }


def _asked(project: Project) -> int:
    return sum(map(project.asked, project.sessions()))
