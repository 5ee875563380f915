"""How long jobs of small keys wait that arrive now and then, with and without a key that never runs dry.

Real processes: small keys send at a tenth of the limit, at random moments, while one key, the whale, has more
jobs than the run can start. Waits are taken from the events, at the server's clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.figures.project import Project, a_project, of_actors
from tests.figures.shares import WHALE
from workstreams.send.job import Job

__all__ = ["LIMITS", "compare", "percentile", "waits_of"]

#: Permits in a second, and the share of them that small keys use.
RATE, LOAD = 200, 0.1

#: Small keys, of which each arrival is one at random.
KEYS = 100

PROCESSES = 2

#: What is compared: as it is by default, evenly spaced, and with room that no single key can take.
LIMITS: Mapping[str, Mapping[str, Any]] = {
    "as many at once as in a window": {"rate": f"{RATE}/s"},
    "burst 1": {"rate": f"{RATE}/s", "burst": 1},
    "half of it per key": {"rate": f"{RATE}/s", "per_key": {"rate": f"{RATE // 2}/s"}},
    "burst 1, half of it per key": {"rate": f"{RATE}/s", "burst": 1, "per_key": {"rate": f"{RATE // 2}/s"}},
}


def percentile(values: Sequence[float], share: float) -> float:
    """A value that was seen; 0 if there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def waits_of(project: Project, ids: Sequence[str]) -> list[float]:
    """Milliseconds from the sending of each of these jobs to its start."""
    sent = {event["j"]: int(event["t"]) for event in project.events("sent")}
    started = {event["j"]: int(event["t"]) for event in project.events("started")}
    return [(started[job] - sent[job]) / 1_000 for job in ids if job in started]


def _feed(project: Project, seconds: float, seed: int) -> list[str]:
    """Send at random moments, as independent senders do."""
    chance, ids = random.Random(seed), []
    began = due = time.monotonic()
    while (due := due + chance.expovariate(RATE * LOAD)) < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))  # until the next arrival
        key = f"tenant-{chance.randrange(KEYS):03d}"
        ids.append(project.fleet.broker.enqueue(_job(key)).message_id)
    return ids


def _job(key: str) -> Job[Any]:
    return Job("work", "work", (0,), {}, {"key": key})


def _run(url: str, limit: Mapping[str, Any], seconds: float, *, whale: bool) -> tuple[list[float], int]:
    """The waits, and how many jobs never started."""
    with a_project(url, {"workstreams": {"work": dict(limit)}}, of_actors("work")) as project:
        if whale:
            project.fleet.broker.enqueue_many([_job(WHALE) for _ in range(round(RATE * (seconds + 10)))])
            project.start_busy(PROCESSES)
        else:
            project.start(PROCESSES)
        ids = _feed(project, seconds, seed=7)
        time.sleep(2)  # longer than a window, so that the last has had its turn
        waits = waits_of(project, ids)
        return waits, len(ids) - len(waits)


def compare(url: str, name: str, seconds: float) -> dict[str, object]:
    """Both runs of one limit, as a line of the table.

    Parameters:
      url: A server that is nobody else's.
      name: Which of the limits.
      seconds: How long small keys send.
    """
    alone, left_alone = _run(url, LIMITS[name], seconds, whale=False)
    beside, left_beside = _run(url, LIMITS[name], seconds, whale=True)
    return {
        "limit": name,
        "arrivals": len(alone),
        "p50_ms_alone": round(percentile(alone, 0.5), 1),
        "p99_ms_alone": round(percentile(alone, 0.99), 1),
        "p50_ms_beside_whale": round(percentile(beside, 0.5), 1),
        "p99_ms_beside_whale": round(percentile(beside, 0.99), 1),
        "p99_ratio": round(percentile(beside, 0.99) / max(percentile(alone, 0.99), 0.001), 2),
        "never_started": left_alone + left_beside,
    }
