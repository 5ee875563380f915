"""What tests of several rooms share: configs, workers, and waiting for a condition."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import dramatiq

from workstreams.declare.config import Config, config_from_mapping
from workstreams.wait.broker import WorkstreamBroker

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Look until the condition holds, and return what it returned."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.003)  # between two looks at a condition
    return found


def config_of(
    app: str,
    redis: str,
    folder: Path,
    workstreams: Mapping[str, Any],
    limits: Mapping[str, Any] | None = None,
    **more: Any,
) -> Config:
    """A config in memory."""
    document = {"app": app, "redis": redis, "state_dir": str(folder), "workstreams": dict(workstreams)}
    return config_from_mapping({**document, "limits": dict(limits or {}), **more}, folder)


@contextlib.contextmanager
def working(broker: WorkstreamBroker, threads: int = 8, **options: Any) -> Iterator[dramatiq.Worker]:
    """A stock Dramatiq worker, until the end of the block."""
    # Dramatiq emits this once in a child process; the time limit's thread starts at it.
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=5_000)
