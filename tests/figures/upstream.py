"""The command ``upstream``: how a fleet finds a limit that it was not told of, and follows it.

The declared rate is far above what a real HTTP server accepts; jobs raise ``RateLimited`` at its 429s. What
the server allows changes twice. The second half of each time is called the steady state.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.figures.hidden import Arrival, Upstream, upstream
from tests.figures.project import Project, a_project, a_server
from tests.figures.show import progress, show

__all__ = ["CASES", "Case", "Hidden", "measure", "options", "phase_row", "run"]

#: What the config says, per second.
DECLARED = 200

PROCESSES = 2

JOBS = """
import http.client
from contextlib import closing
from workstreams import RateLimited

@actor(workstream="calls", name="calls")
def calls():
    with closing(http.client.HTTPConnection("ADDRESS", timeout=10)) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
    if response.status == 429:
        raise RateLimited.from_response(response)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What answers a refusal.

    Attributes:
      name: As it is called in the table.
      tells: Whether the server says how long to wait.
      eases: Whether the rate goes down with a refusal.
    """

    name: str
    tells: bool
    eases: bool


CASES = (
    Case("eased, Retry-After", tells=True, eases=True),
    Case("eased", tells=False, eases=True),
    Case("only waits, Retry-After", tells=True, eases=False),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Hidden:
    """What the upstream accepts.

    Attributes:
      rates: A second, one after the other.
      burst: At one instant, when nothing came before.
    """

    rates: tuple[int, ...]
    burst: int = 5


def options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--only", nargs="*", choices=[case.name for case in CASES], metavar="CASE")
    parser.add_argument("--hidden", type=int, nargs="*", default=[50, 80, 40], help="a second (50 80 40)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each hidden limit (60)")
    parser.add_argument("--burst", type=int, default=5, help="of the server's bucket, at one instant (5)")
    parser.add_argument("--recover", default="30s", help="of on_rate_limited (30s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and show; returns what was broken."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    rows: list[Mapping[str, Any]] = []
    with a_server() as url:
        for case in progress(cases):
            rows += measure(
                url, case, Hidden(tuple(options.hidden), options.burst), options.seconds, options.recover
            )
    show("upstream", rows, repeat=2)
    checks = ((row, name) for row in rows for name in ("attempts_spent", "lost") if row[name])
    return [f"{row['case']}: {name} is {row[name]}" for row, name in checks]


def document(case: Case, recover: str) -> dict[str, Any]:
    """A config, which begins paused."""
    eased = {"on_rate_limited": {"back_off": 0.7, "recover": recover}} if case.eases else {}
    keep = {"done": {"count": 1_000_000}}
    paced = {"rate": f"{DECLARED}/s", "burst": 1, "threads": 16, "paused": True, "keep": keep}
    return {"workstreams": {"calls": {**paced, **eased}}}


def measure(url: str, case: Case, hidden: Hidden, seconds: float, recover: str) -> list[Mapping[str, Any]]:
    """One run, with a line of the table for each hidden limit.

    Parameters:
      url: A server of Redis that is nobody else's.
      case: What answers a refusal.
      hidden: What the upstream accepts.
      seconds: For how long each.
      recover: As in the config.
    """
    with upstream(hidden.rates[0], hidden.burst, tells=case.tells) as seen:
        jobs = JOBS.replace("ADDRESS", seen.url)
        with a_project(url, document(case, recover), jobs) as project:
            ids = project.fleet.send("calls", "calls", round(sum(hidden.rates) * (seconds + 5)))
            project.start(PROCESSES)
            project.resume()
            rows = [{"case": case.name, **row} for row in _phases(seen, hidden.rates, seconds)]
            project.pause()
            ended = {"attempts_spent": _attempts(project, ids), "lost": project.lost({"calls": ids})}
            return [{**row, **ended} for row in rows]


def _phases(seen: Upstream, hidden: Sequence[int], seconds: float) -> Iterator[Mapping[str, Any]]:
    for rate in hidden:
        seen.change(rate)
        began = time.monotonic()
        time.sleep(seconds)  # under this limit
        steady = began + seconds / 2
        yield phase_row(rate, seen.between(began, steady), seen.between(steady, began + seconds), seconds / 2)


def phase_row(
    rate: int, finding: Sequence[Arrival], steady: Sequence[Arrival], lasted: float
) -> dict[str, object]:
    """What arrived under one hidden limit.

    Parameters:
      rate: It, per second.
      finding: What arrived in the first half.
      steady: What arrived in the second.
      lasted: Seconds of the second half.
    """
    refused = sum(one.refused for one in steady)
    return {
        "hidden": rate,
        "refused_before": sum(one.refused for one in finding),
        "arrived": len(steady),
        "refused": refused,
        "refused_percent": round(100 * refused / len(steady), 2) if steady else None,
        "used_percent": round(100 * (len(steady) - refused) / (rate * lasted), 1),
    }


def _attempts(project: Project, ids: Sequence[str]) -> int:
    """Attempts that were spent: no refusal is one."""
    pipe = project.client.pipeline(transaction=False)
    for job in ids:
        pipe.hget(project.keys.workstream("calls", "job", job), "attempt")
    return sum(int(spent or 0) for spent in pipe.execute())
