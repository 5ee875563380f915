"""A small life with every way a job may end: done, retried, put aside, dead, and what follows each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import dramatiq

from tests.promises.ledger import Ledger
from workstreams.finish.signals import RateLimited
from workstreams.run.context import current_job
from workstreams.send.actor import WorkstreamActor
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["LIMITS", "WORKSTREAMS", "Life", "problems_of_a_life"]

#: Windows so long that nothing leaves them, so that every charge can be counted.
LIMITS: dict[str, Any] = {"api": {"rate": "10000/h", "concurrency": 3}}
WORKSTREAMS: dict[str, Any] = {
    "work": {
        "threads": 3,
        "within": "api",
        "rate": "9000/h",
        "retries": {"max": 3, "min_backoff": "5ms", "max_backoff": "5ms", "jitter": 0},
    },
    "next": {"threads": 2, "rate": "9000/h"},
}

#: How many jobs there are of each actor in the end, whatever was lost on the way.
JOBS = {
    "plain": 3,
    "giving": 2,
    "flaky": 1,
    "limited": 1,
    "doomed": 1,
    "undertaker": 1,
    "member": 3,
    "closing": 1,
    "before": 1,
    "after": 1,
}
#: Runs of these that are no failure of ours: one that fails once, one that is refused once.
TWICE = {"flaky", "limited"}


class Life:
    """The actors of a life, and its jobs.

    Parameters:
      broker: Where they are declared.
      note: Told of the id of each job that begins to run.
    """

    def __init__(self, broker: WorkstreamBroker, note: Callable[[str], None]) -> None:
        self._broker, self._note = broker, note
        self._declare("plain", lambda: None)
        self._declare("giving", lambda number=0: number + 1, store_results=True)
        self._declare("flaky", self._fail_once)
        self._declare("limited", self._be_refused_once)
        self._declare("doomed", self._fail, max_retries=0, on_dead="undertaker")
        self._declare("undertaker", lambda *_: None, queue_name="next")
        self._declare("member", lambda: None)
        self._declare("closing", lambda *_: None, queue_name="next")
        self._declare("before", lambda: None, on_success="after")
        self._declare("after", lambda *_: None, queue_name="next")

    def send(self) -> dramatiq.pipeline:
        """Send what the life begins with; returns the pipeline, whose result is 3."""
        actors = self._broker.actors
        for name in ("plain", "plain", "plain", "flaky", "limited", "doomed", "before"):
            self._broker.enqueue(Job("work", name, (), {}, {}))
        members = [actors["member"].message() for _ in range(3)]
        group = dramatiq.group(members, broker=self._broker)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        group.add_completion_callback(actors["closing"].message())
        group.run()
        steps = [actors["giving"].message(1), actors["giving"].message()]
        return dramatiq.pipeline(steps, broker=self._broker).run()

    def _declare(self, name: str, act: Callable[..., Any], **options: Any) -> None:
        def run(*arguments: Any) -> Any:
            self._note(current_job().id)
            return act(*arguments)

        dramatiq.actor(
            run,
            actor_class=WorkstreamActor,
            actor_name=name,
            broker=self._broker,
            **({"queue_name": "work"} | options),
        )

    @staticmethod
    def _fail_once() -> None:
        if current_job().attempt == 1:
            raise ValueError("the first time it fails")

    @staticmethod
    def _be_refused_once() -> None:
        if current_job().delivery == 1:
            raise RateLimited(retry_after="5ms")

    @staticmethod
    def _fail() -> None:
        raise ValueError("it always fails")


def problems_of_a_life(ledger: Ledger, noted: Counter[str]) -> list[str]:
    """What is not as it must be at the end, one sentence each.

    Parameters:
      ledger: Of the app.
      noted: How often each job began to run.
    """
    found = ledger.left_over()
    jobs = ledger.jobs("work") | ledger.jobs("next")
    by_actor = Counter(job["actor"] for job in jobs.values())
    if by_actor != JOBS:
        found.append(f"expected {JOBS} jobs, found {dict(by_actor)}")
    for job, record in jobs.items():
        if record["state"] != ("dead" if record["actor"] == "doomed" else "done"):
            found.append(f"{record['actor']} {job} ended as {record['state']}")
        if not 1 <= noted[job] <= int(record["deliveries"]):
            runs, deliveries = noted[job], record["deliveries"]
            found.append(f"{record['actor']} {job} ran {runs} times in {deliveries} deliveries")
    if ledger.results("work") != JOBS["giving"]:
        found.append(f"expected {JOBS['giving']} results, found {ledger.results('work')}")
    return found + _of_charges(ledger)


def _of_charges(ledger: Ledger) -> list[str]:
    started = {ws: ledger.events(ws)["started"] for ws in WORKSTREAMS}
    expected = {**started, "api": started["work"]}
    charged = {limit: ledger.charged(limit) for limit in expected}
    return [] if charged == expected else [f"expected {expected} as charged, found {charged}"]
