"""Promise I4 for a job whose hooks are interrupted: it is tried again as often as any other, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq.middleware import Interrupt, Middleware, Retries

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.wait.broker import WorkstreamBroker

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Interrupts(Middleware):
    """An asynchronous exception in a hook that comes before the outcome is decided, each time."""

    stays_last = True

    def after_process_message(self, *_: Any, **__: Any) -> None:
        raise Interrupt


def runs_of(broker: WorkstreamBroker, actor: dict[str, Any], message: dict[str, Any]) -> int:
    """How often a job runs that always fails, until it is dead, with options of its actor and its own."""
    runs: list[int] = []

    @workstreams.actor(workstream="mail", **actor)
    def act() -> None:
        runs.append(1)
        raise ValueError("no")

    broker.middleware.append(Interrupts())
    client, keys = broker.link.scripts.client, broker.link.keys
    with working(broker, threads=4):
        job = act.send_with(**message)
        record = keys.workstream("mail", "job", job.id)
        wait_until(lambda: client.hget(record, "state") == b"dead", 20)
    return len(runs)


@pytest.mark.parametrize(
    ("workstream", "actor", "message", "runs"),
    [
        ({"max": 0}, {}, {}, 1),
        ({"max": 1}, {}, {}, 2),
        ({"max": 5}, {"retries": 0}, {}, 1),
        ({"max": 0}, {"retries": 1}, {}, 2),
        ({"max": 5}, {"retries": 5}, {"retries": 0}, 1),
        ({"max": 0}, {"retries": 0}, {"retries": 1}, 2),
    ],
    ids=str,
)
def test_a_job_whose_hooks_are_interrupted_is_tried_as_often_as_message_then_actor_then_workstream_say(
    broker: WorkstreamBroker,
    make_config: MakeConfig,
    workstream: dict[str, int],
    actor: dict[str, int],
    message: dict[str, int],
    runs: int,
) -> None:
    broker.configure(make_config(mail={"retries": workstream}))
    assert runs_of(broker, actor, message) == runs


def test_retries_that_the_program_was_given_stand_over_the_workstreams_here_too(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"retries": {"max": 9}}))
    broker.add_middleware(Retries(max_retries=0))
    assert runs_of(broker, {}, {}) == 1
