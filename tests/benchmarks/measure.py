"""One measurement of one system, in a process of its own: prints one JSON object."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from typing import Any

import redis

from tests.benchmarks.systems import SYSTEMS, System

THREADS = 16


class Meter:
    """What the job does: note when it ran."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.delays: list[float] = []
        self.wanted = 0
        self.done = threading.Event()

    def __call__(self, sent: float) -> None:
        now = time.time()
        self.times.append(now)
        self.delays.append(now - sent)
        if len(self.times) >= self.wanted:
            self.done.set()

    def expect(self, number: int) -> None:
        self.times, self.delays, self.wanted = [], [], number
        self.done.clear()


def redis_cpu(client: redis.Redis) -> float:
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def redis_calls(client: redis.Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])


def drain(system: System, meter: Meter, client: redis.Redis, number: int) -> dict[str, Any]:
    """A backlog of no-op jobs, from the first start to the last."""
    system.send_many([0.0] * number)
    meter.expect(number)
    before = redis_cpu(client)
    with system.working(THREADS):
        assert meter.done.wait(120), f"{len(meter.times)} of {number} ran"
        took = max(meter.times) - min(meter.times)
    return {
        "per_second": round(number / took),
        "redis_us_per_job": round((redis_cpu(client) - before) / number * 1e6, 1),
    }


def send(system: System, meter: Meter, client: redis.Redis, number: int) -> dict[str, Any]:
    """One call each, from one thread."""
    began = time.perf_counter()
    for _ in range(number):
        system.send(0.0)
    return {"per_second": round(number / (time.perf_counter() - began))}


def batch(system: System, meter: Meter, client: redis.Redis, number: int) -> dict[str, Any]:
    """In the largest batches there are."""
    began = time.perf_counter()
    system.send_many([0.0] * number)
    return {"per_second": round(number / (time.perf_counter() - began))}


def pickup(system: System, meter: Meter, client: redis.Redis, number: int) -> dict[str, Any]:
    """From a send to its start, on an idle worker."""
    meter.expect(number)
    with system.working(THREADS):
        time.sleep(1.5)  # until the start of the worker is over
        for _ in range(number):
            system.send(time.time())
            time.sleep(0.03)  # long enough to be idle again
        assert meter.done.wait(30)
    delays = sorted(meter.delays)
    return {
        "p50_ms": round(delays[len(delays) // 2] * 1000, 2),
        "p95_ms": round(delays[int(len(delays) * 0.95)] * 1000, 2),
    }


def idle(system: System, meter: Meter, client: redis.Redis, number: int) -> dict[str, Any]:
    """Commands a second while nothing is to be done, for so many seconds."""
    with system.working(THREADS):
        time.sleep(1.5)  # until the start of the worker is over
        before = client.info("commandstats")
        time.sleep(number)  # the time that is measured
        after = client.info("commandstats")
    calls = sum(
        after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
        if name in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall")
    )
    return {"scripts_per_second": round(calls / number, 2)}


MEASUREMENTS = {one.__name__: one for one in (drain, send, batch, pickup, idle)}


def main() -> None:
    name, what, url, number = sys.argv[1:5]
    logging.disable(logging.CRITICAL)
    meter = Meter()

    def job(sent: float) -> None:
        meter(sent)

    client = redis.Redis.from_url(url)
    system = SYSTEMS[name](url, job)
    sys.stdout.write(json.dumps(MEASUREMENTS[what](system, meter, client, int(number))) + "\n")


if __name__ == "__main__":
    main()
