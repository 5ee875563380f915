"""Sends the jobs, one by one and in batches, and keeps for certain only those whose send returned.

``python -m tests.chaos.producer FOLDER SEED`` sends until its input ends, or all jobs are sent.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.chaos.notes import Notes, Tail, now_us
from tests.chaos.project import CALLS
from tests.chaos.settings import Settings
from workstreams.app import build_broker
from workstreams.declare.config import load_config
from workstreams.errors import RedisUnavailable
from workstreams.send.job import Job
from workstreams.send.order import due_after
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["length_of", "main"]

#: Jobs that wait are to last for so many seconds, so that the rates are what binds, in the end at the latest.
BACKLOG = 4.0

#: One call in so many is a batch of up to so many jobs, so that both kinds carry about as many.
BATCH_EVERY, BATCH = 20, 60

#: Seconds between two looks at how many are missing.
PAUSE = 0.02

#: Seconds before the next call after one that raised, as a user would wait.
AFTER_ERROR = 0.1

#: Kinds of jobs, and how many in a hundred calls send them.
KINDS = {"plain": 85, "followed": 7, "delayed": 5, "flaky": 3}

#: The longest delay, in ms.
DELAY = 1500


def length_of(chance: random.Random) -> float:
    """Milliseconds that a job works: 5 ms to 2 s, most of them short, 90 ms on average."""
    kind = chance.random()
    low, high = (5, 100) if kind < 0.9 else (100, 500) if kind < 0.99 else (500, 2000)
    return chance.uniform(low, high)


class Producer:
    """Keeps a backlog of jobs.

    Parameters:
      folder: The session's.
      settings: How many, and how fast they go.
      seed: Of the jobs' kinds and lengths.
    """

    def __init__(self, folder: Path, settings: Settings, seed: int) -> None:
        self._settings = settings
        self._chance = random.Random(seed)
        self._sends = Notes(folder / "sends.log")
        self._runs = Tail(folder / "runs.log")
        self._broker: WorkstreamBroker = build_broker(load_config(folder / "config"))
        self._tried = self._settled = self._calls = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        """Send until it is stopped, or all are sent."""
        while not self.stopped.is_set() and self._left() > 0:
            self._settled += self._runs.read().count(b"end ")
            missing = round(self._settings.at_first * BACKLOG) - (self._tried - self._settled)
            if missing <= 0:
                time.sleep(PAUSE)  # until some have run
            else:
                self._call(missing)

    def _left(self) -> float:
        most = self._settings.jobs
        return float("inf") if most is None else most - self._tried

    def _call(self, missing: int) -> None:
        """One send of one job, or of a batch, all of one kind."""
        self._calls += 1
        size = self._chance.randint(2, BATCH) if self._calls % BATCH_EVERY == 0 else 1
        size = int(min(size, missing, self._left()))
        (kind,) = self._chance.choices(list(KINDS), list(KINDS.values()))
        jobs = [self._job(kind) for _ in range(size)]
        due = due_after(self._chance.uniform(1, DELAY)) if kind == "delayed" else ""
        self._tried += size
        self._note("try", jobs, kind)
        try:
            self._broker.enqueue_many(jobs, due=due)
        except RedisUnavailable as error:
            # What went before the trouble is certain; the rest may run, or not.
            self._note("ack", jobs[: error.sent], kind)
            self._settled += size - error.sent
            self.stopped.wait(AFTER_ERROR)
        else:
            self._note("ack", jobs, kind)

    def _job(self, kind: str) -> Job[Any]:
        options = {"on_success": "after"} if kind == "followed" else {}
        length = round(length_of(self._chance) * self._settings.work, 1)
        return Job(CALLS, "flaky" if kind == "flaky" else "call", (length,), {}, options)

    def _note(self, what: str, jobs: list[Job[Any]], kind: str) -> None:
        at = now_us()
        self._sends.write_many((what, job.id, at, kind) for job in jobs)


def main() -> None:
    """Send until the input ends."""
    folder = Path(sys.argv[1])
    producer = Producer(folder, Settings.load(folder), int(sys.argv[2]))

    def stop() -> None:
        os.read(0, 1)
        producer.stopped.set()

    threading.Thread(target=stop, daemon=True).start()
    producer.run()


if __name__ == "__main__":
    main()
