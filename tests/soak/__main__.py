"""``python -m tests.soak``: many jobs through one worker, and what is left of them in memory and on disk.

A million by default. A feeder keeps a bounded backlog; after each part the memory of the worker
process, of its supervisor and of the server is read, the keys are counted, and so are threads, open
files and files on disk. What grows with the number of jobs shows as a difference between the first part,
when caches and what is kept of ended jobs have filled, and the last.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.promises.fleet import Fleet
from tests.soak.levels import Levels, read_levels
from tests.support import wait_until
from workstreams.store.embedded import EmbeddedServer
from workstreams.units import parse_rate

__all__ = ["main"]

#: Jobs that wait at most, and that are sent at once.
BACKLOG, SENT_AT_ONCE = 20_000, 2_500

JOBS = """
@actor(workstream="tiny")
def nothing() -> None: ...
"""

CONFIG = """
app: soak
redis: ${FLEET_REDIS}
import: [fleet_jobs]
workstreams:
  tiny: {threads: 16, RATE, keep: {logs: {size: 4MiB}}}
"""


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--parts", type=int, default=10, help="how often to look (10)")
    parser.add_argument("--rate", help="hold this rate, and be sent nine tenths of it: 200/s")
    return parser.parse_args(arguments)


def table_of(parts: Sequence[tuple[int, Levels]]) -> Table:
    table = Table(title="after so many jobs")
    table.add_column("")
    for done, _ in parts:
        table.add_column(f"{done:,}", justify="right")
    for name in Levels.__annotations__:
        table.add_row(name.replace("_", " "), *(f"{getattr(levels, name):,}" for _, levels in parts))
    return table


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """How fast jobs are sent.

    Attributes:
      at_once: Jobs of one send.
      pause: Seconds from one send to the next.
    """

    at_once: int = SENT_AT_ONCE
    pause: float = 0.0

    @classmethod
    def within(cls, rate: str | None) -> Pace:
        """Nine tenths of a rate, in pieces of a quarter of a second; as fast as they run without one."""
        if rate is None:
            return cls()
        limit = parse_rate(rate)
        a_second = 0.9 * limit.permits / (limit.window / 1_000_000)
        return cls(max(1, round(a_second / 4)), max(0.25, 1 / a_second))


def run(fleet: Fleet, server: EmbeddedServer, jobs: int, parts: int, pace: Pace) -> list[tuple[int, Levels]]:
    """Feed and look."""
    supervisor = fleet.start("--processes", "1")
    [worker] = supervisor.wait_for_workers(1)
    client, keys = fleet.broker.link.scripts.client, fleet.broker.link.keys
    count, waiting = keys.workstream("tiny", "count"), keys.workstream("tiny", "waiting")
    done, seen = 0, []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("jobs", total=jobs)
        for part in range(1, parts + 1):
            until = jobs * part // parts
            while done < until:
                wait_until(lambda: int(client.get(waiting) or 0) < BACKLOG, 120)
                began, number = time.monotonic(), min(pace.at_once, until - done)
                fleet.send("tiny", "nothing", number)
                done += number
                time.sleep(max(0.0, began + pace.pause - time.monotonic()))  # the pace
                progress.update(task, completed=done)
            wait_until(lambda until=until: int(client.hget(count, "done") or 0) >= until, 600)
            seen.append((until, read_levels(worker, supervisor.process.pid, server, fleet.folder)))
    assert supervisor.stop() == 0
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it.

    Returns:
      0 when nothing grew by more than a tenth after the first part that filled what is kept; else 1.
    """
    options = options_of(arguments)
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        state, project = Path(folder, "state"), Path(folder, "project")
        project.mkdir()
        with EmbeddedServer(state) as server:
            rate = f"rate: {options.rate}" if options.rate else "read_ahead: 0"
            config = CONFIG.replace("RATE", rate)
            fleet = Fleet(project, config, "from workstreams import actor\n" + JOBS, server.url)
            try:
                seen = run(fleet, server, options.jobs, options.parts, Pace.within(options.rate))
            finally:
                fleet.close()
    Console(width=40 + 14 * len(seen)).print(table_of(seen))
    grown = seen[-1][1].grown_since(seen[len(seen) // 2][1])
    sys.stdout.write(f"grown by more than a tenth in the second half: {', '.join(grown) or 'nothing'}\n")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
