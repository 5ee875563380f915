"""A thread that is interrupted around a block leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import Any

from dramatiq.middleware import Shutdown, raise_thread_exception

import workstreams
from tests.conftest import MakeConfig
from tests.guest.support import threads
from tests.interrupting import interrupted
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_thread_that_is_interrupted_while_it_waits_leaves_nothing(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
    ended = threading.Event()

    def visit() -> None:
        try:
            with workstreams.limit("api"):
                raise AssertionError("there was no room")
        except Shutdown:
            ended.set()

    thread = threading.Thread(target=visit)
    thread.start()
    queue = api.link.keys.limit("api", "queue")
    wait_until(lambda: api.link.scripts.client.zcard(queue) == 1)
    raise_thread_exception(thread.ident, Shutdown)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
    thread.join(10)
    assert ended.is_set()
    assert api.link.scripts.client.zcard(queue) == 0


def left_interrupted(line: int) -> bool:
    """Enter a block and leave it; whether the interrupt came before it was left."""
    block = workstreams.limit("api").__enter__()
    return interrupted(
        lambda: block.__exit__(None, None, None),
        line,
        lambda code: code.co_filename.endswith(("guest/block.py", "guest/visit.py")),
    )


def test_a_block_that_is_interrupted_while_it_is_left_is_not_renewed_for_ever(
    api: WorkstreamBroker, make_config: MakeConfig
) -> None:
    api.configure(
        make_config({"api": {"concurrency": 100}}, worker={"lease": "1s"}, mail={"within": ["api"]})
    )
    line = 1
    while left_interrupted(line):
        line += 1
    assert line > 5
    wait_until(lambda: not threads())


def test_a_job_that_waits_for_a_rate_can_be_interrupted_soon(api: WorkstreamBroker) -> None:
    took: list[float] = []

    def visit() -> None:
        try:
            with workstreams.limit("tokens", cost=100):
                raise AssertionError("there was no room")
        except Shutdown:
            took.append(time.monotonic())

    with workstreams.limit("tokens"):
        """It leaves room for less than the thread wants, for an hour."""
    thread = threading.Thread(target=visit)
    thread.start()
    wait_until(lambda: "workstreams-limits-listener" in threads())
    asked = time.monotonic()
    raise_thread_exception(thread.ident, Shutdown)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
    thread.join(30)
    assert took[0] - asked < 5
