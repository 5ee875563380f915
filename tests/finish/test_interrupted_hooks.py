"""An interrupt that lands in a later hook makes a retry of the job, and what follows it happens once."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq.middleware import Interrupt, Middleware

import workstreams
from tests.finish.conftest import Looker
from tests.support import wait_until, working
from workstreams.wait.broker import WorkstreamBroker


class Interrupts(Middleware):
    """An asynchronous exception that lands in a later hook, once."""

    def __init__(self) -> None:
        self.left = 1

    def after_process_message(self, *_: Any, **__: Any) -> None:
        if self.left:
            self.left -= 1
            raise Interrupt


def interrupts_in(broker: WorkstreamBroker, place: str) -> Interrupts:
    """Added to the middleware of a broker, first or last but one."""
    made = Interrupts()
    if place == "before all others":
        broker.add_middleware(made, before=type(broker.middleware[0]))
    else:
        broker.add_middleware(made)
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", ["before all others", "last but one"])
def test_an_interrupt_in_a_later_hook_of_a_failing_job_makes_it_a_retry(
    mail: WorkstreamBroker, redis_of: Looker, place: str
) -> None:
    runs: list[int] = []
    interrupts = interrupts_in(mail, place)

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("no")

    with working(mail, threads=3):
        job = act.send()
        wait_until(lambda: redis_of.state(job.id) == "done")
        assert redis_of.running() == 0
        assert redis_of.events("retrying") == 1
    assert (len(runs), interrupts.left) == (2, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", ["before all others", "last but one"])
def test_an_interrupt_in_a_later_hook_of_a_pipelines_step_makes_it_a_retry_and_the_next_step_happens_once(
    mail: WorkstreamBroker, redis_of: Looker, place: str
) -> None:
    runs: list[int] = []
    arrived: list[int] = []
    interrupts = interrupts_in(mail, place)

    @workstreams.actor(workstream="text")
    def keep(n: int) -> None:
        arrived.append(n)

    @workstreams.actor(workstream="mail")
    def act() -> int:
        runs.append(1)
        return len(runs)

    with working(mail, threads=3):
        (act.message() | keep.message()).run()
        wait_until(lambda: arrived)
        mail.join("mail", timeout=5_000)
        mail.join("text", timeout=5_000)
        assert redis_of.running() == 0
        assert redis_of.events("retrying") == 1
    assert (len(runs), arrived, interrupts.left) == (2, [2], 0)
