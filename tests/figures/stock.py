"""The same jobs under stock Dramatiq's own limiters, on its own Redis broker.

The limiters are used as Dramatiq's documentation shows: a job that gets no permit raises, and is tried again
after a back-off, here of 0.1 to 1 s and as often as it takes; the default back-off begins at 15 s.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message

from tests.chaos.windows import most_at_once, most_in_any
from tests.figures.limits import busy_share, costs_of
from tests.figures.meter import Reading, read
from tests.figures.shapes import SECOND, STOCK, Shape
from tests.support import wait_until

__all__ = ["measure_stock"]

JOBS = """
import os, time
import dramatiq, redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage
from dramatiq.rate_limits import BucketRateLimiter, ConcurrentRateLimiter, WindowRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

client = redis.Redis.from_url(os.environ["FLEET_REDIS"])
dramatiq.set_broker(RedisBroker(client=client, middleware=None))
dramatiq.get_broker().add_middleware(CurrentMessage())
limiter = LIMITER

def note(what):
    line = f"{what} {CurrentMessage.get_current_message().message_id} {time.monotonic()}\\n"
    with open(os.environ["JOURNAL"], "ab", buffering=0) as journal:
        journal.write(line.encode())

@dramatiq.actor(queue_name="work", max_retries=None, min_backoff=100, max_backoff=1_000)
def work(seconds):
    with limiter.acquire():
        note("start")
        time.sleep(seconds)  # the work
        note("end")
"""

LIMITERS = {
    "bucket": 'BucketRateLimiter(RedisBackend(client=client), "work", limit={n}, bucket={seconds} * 1000)',
    "window": 'WindowRateLimiter(RedisBackend(client=client), "work", limit={n}, window={seconds})',
    "concurrent": 'ConcurrentRateLimiter(RedisBackend(client=client), "work", limit={n})',
}


@contextlib.contextmanager
def _worker(folder: Path, processes: int, environ: dict[str, str]) -> Iterator[None]:
    """Dramatiq's own command, until the end of the block; every process of it says when it is ready."""
    output = folder / "output"
    command = [sys.executable, "-m", "dramatiq", "stock_jobs", "--path", str(folder)]
    command += ["--processes", str(processes), "--threads", "8"]
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environ, cwd=folder, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        wait_until(lambda: output.read_bytes().count(b"Worker process is ready") >= processes, 120)
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _runs(journal: Path) -> list[tuple[int, int]]:
    """Begin and end of each run, µs at the jobs' clock."""
    began: dict[str, int] = {}
    found = []
    for line in journal.read_text().splitlines():
        what, job, at = line.split()
        if what == "start":
            began[job] = round(float(at) * SECOND)
        else:
            found.append((began[job], round(float(at) * SECOND)))
    return sorted(found)


def measure_stock(url: str, shape: Shape, limiter: str, processes: int, seconds: float) -> dict[str, object]:
    """One run under one of Dramatiq's limiters, as a line of the table.

    Parameters:
      url: A server that is nobody else's.
      shape: What to hold.
      limiter: bucket, window or concurrent.
      processes: Worker processes.
      seconds: How long the backlog is worked on.
    """
    number, window = STOCK[shape.name]
    with tempfile.TemporaryDirectory(prefix="wsf") as name, redis.Redis.from_url(url) as client:
        client.flushall()
        folder, journal = Path(name), Path(name, "journal")
        text = JOBS.replace("LIMITER", LIMITERS[limiter].format(n=number, seconds=window))
        (folder / "stock_jobs.py").write_text(text)
        journal.touch()
        environ = {**os.environ, "FLEET_REDIS": url, "JOURNAL": str(journal)}
        broker = RedisBroker(client=client)
        with _worker(folder, processes, environ):
            before = read(client)
            for _ in range(shape.backlog(seconds)):
                broker.enqueue(Message("work", "work", (shape.work,), {}, {}))
            time.sleep(seconds)  # the run
            spent = read(client) - before
        return _row(shape, f"dramatiq {limiter}", processes, _runs(journal), spent, seconds)


def _row(
    shape: Shape,
    system: str,
    processes: int,
    runs: Sequence[tuple[int, int]],
    spent: Reading,
    seconds: float,
) -> dict[str, object]:
    number, window = STOCK[shape.name]
    began = [begin for begin, _ in runs if begin - runs[0][0] < seconds * SECOND]
    if window:
        whole = max(1, int(seconds // window))
        used = 100 * sum(1 for at in began if at - began[0] < whole * window * SECOND) / (whole * number)
    else:
        used = busy_share(runs, number, round(seconds * SECOND))
    worst = f"{most_in_any(began, window * SECOND)[0]} of {number}/{window}s" if window else ""
    return {
        "shape": shape.name,
        "system": system,
        "processes": processes,
        "started": len(began),
        "worst_at_jobs": worst,
        "running_at_once": most_at_once(runs)[0],
        "used_percent": round(used, 1),
        **costs_of(spent, len(began)),
    }
