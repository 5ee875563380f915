"""https://dramatiq.io/reference.html: workers."""

from __future__ import annotations

import dramatiq
import pytest

from tests.dramatiq.support import Start, State
from workstreams.wait.broker import WorkstreamBroker


def test_the_worker_runs_pauses_resumes_and_stops(
    worker: Start, queues: WorkstreamBroker, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dramatiq waits three seconds before it consumes again.
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.02)
    ran: list[int] = []

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    running = worker(threads=2)
    running.pause()
    act.send()
    running.resume()
    queues.join("default", timeout=5_000)
    running.stop()
    assert ran == [1]
    assert state(act.send()) == "waiting"
