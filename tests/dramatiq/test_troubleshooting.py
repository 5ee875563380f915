"""https://dramatiq.io/troubleshooting.html"""

from __future__ import annotations

import os
import time

import dramatiq
import pytest
from dramatiq.results import ResultFailure

from tests.dramatiq.support import Start
from workstreams.wait.broker import WorkstreamBroker


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_forked_after_a_send_may_send_as_well(worker: Start, queues: WorkstreamBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor
    def act(who: str) -> None:
        ran.append(who)

    act.send("parent")
    child = os.fork()
    if child == 0:
        try:
            act.send("child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    act.send("parent again")
    worker()
    queues.join("default", timeout=5_000)
    assert sorted(ran) == ["child", "parent", "parent again"]


def test_a_join_that_fails_fast_raises_what_a_message_died_of(
    worker: Start, queues: WorkstreamBroker
) -> None:
    @dramatiq.actor(max_retries=0)
    def fails() -> None:
        raise ValueError("no")

    worker()
    fails.send()
    queues.join("default", timeout=5_000)
    with pytest.raises(ResultFailure, match="actor raised ValueError: no") as caught:
        queues.join("default", timeout=5_000, fail_fast=True)
    assert caught.value.orig_exc_type == "ValueError"
    queues.flush_all()
    queues.join("default", timeout=5_000, fail_fast=True)


def test_a_join_ends_with_an_error_when_its_time_is_over(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    act.send()
    began = time.monotonic()
    with pytest.raises(dramatiq.errors.QueueJoinTimeout):
        queues.join("default", timeout=30)
    assert time.monotonic() - began >= 0.03
