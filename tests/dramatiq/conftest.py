"""What Dramatiq's documentation says of a broker is true of ours: a folder or a file for each page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest

from tests.conftest import MakeConfig
from tests.dramatiq.support import Ended, Start, State
from tests.support import wait_until, working
from workstreams.wait.broker import WorkstreamBroker

QUICK = {"retries": {"min_backoff": "1ms", "max_backoff": "5ms"}}


@pytest.fixture
def queues(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    """Our broker with the workstreams ``default`` and ``ui``, as Dramatiq's global one."""
    broker.configure(make_config(default=QUICK, ui=QUICK))
    return broker


@pytest.fixture
def worker(queues: WorkstreamBroker) -> Iterator[Start]:
    """Starts a stock worker once the actors of a test are declared; it stops with the test."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> dramatiq.Worker:
            return stack.enter_context(working(queues, **options))

        yield start


@pytest.fixture
def state(queues: WorkstreamBroker) -> State:
    """The state of a job, as its record says."""

    def read(message: Any) -> str:
        record = queues.link.keys.workstream(message.queue_name, "job", message.message_id)
        return (queues.link.scripts.client.hget(record, "state") or b"").decode()

    return read


@pytest.fixture
def ended(state: State) -> Ended:
    """Waits until a job is in a state."""

    def wait(message: Any, wanted: str) -> None:
        wait_until(lambda: state(message) == wanted)

    return wait
