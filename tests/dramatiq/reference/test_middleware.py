"""https://dramatiq.io/reference.html: which middleware there is, and in which order."""

from __future__ import annotations

import dramatiq
import pytest
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    CurrentMessage,
    Middleware,
    Pipelines,
    ShutdownNotifications,
    TimeLimit,
)
from dramatiq.results import Results

from tests.conftest import MakeConfig
from tests.dramatiq.support import Ended, Start
from tests.support import working
from workstreams.app import build_broker
from workstreams.finish.outcomes import Outcomes
from workstreams.wait.broker import WorkstreamBroker


@pytest.mark.parametrize(
    "middleware",
    [
        AsyncIO(),
        CurrentMessage(),
        Pipelines(),
        AgeLimit(max_age=60_000),
        ShutdownNotifications(),
        TimeLimit(time_limit=500),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_middleware_that_is_added_takes_the_place_of_the_one_that_is_there_by_default(
    queues: WorkstreamBroker, worker: Start, ended: Ended, middleware: Middleware
) -> None:
    (place,) = (at for at, one in enumerate(queues.middleware) if isinstance(one, type(middleware)))
    queues.add_middleware(middleware)
    assert [at for at, one in enumerate(queues.middleware) if isinstance(one, type(middleware))] == [place]

    @dramatiq.actor
    async def act() -> None:
        """Does nothing."""

    worker()
    ended(act.send(), "done")


def test_a_middleware_may_be_added_before_or_after_another(queues: WorkstreamBroker) -> None:
    class Mine(Middleware):
        """Another one."""

    queues.add_middleware(Mine(), before=AgeLimit)
    queues.add_middleware(Mine(), after=Pipelines)
    names = [type(one).__name__ for one in queues.middleware]
    assert names.index("AgeLimit") == names.index("Mine") + 1
    assert names[names.index("Pipelines") + 1] == "Mine"
    assert isinstance(queues.middleware[-1], Outcomes)
    with pytest.raises(ValueError, match="not found"):
        queues.add_middleware(Mine(), after=type("Nowhere", (Middleware,), {}))


def test_a_broker_may_be_given_all_its_middleware(make_config: MakeConfig, broker: WorkstreamBroker) -> None:
    mine = build_broker(make_config(default=None), middleware=[AgeLimit(), TimeLimit(time_limit=40)])
    assert not any(isinstance(one, Results | Pipelines) for one in mine.middleware)
    ran: list[int] = []

    @dramatiq.actor(broker=mine, max_retries=0)
    def act() -> None:
        ran.append(1)

    try:
        with working(mine):
            act.send()
            mine.join("default", timeout=5_000)
    finally:
        mine.close()
    assert ran == [1]
