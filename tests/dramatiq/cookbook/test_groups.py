"""https://dramatiq.io/cookbook.html: groups."""

from __future__ import annotations

import threading

import dramatiq
import pytest
from dramatiq import group
from dramatiq.results import ResultMissing, ResultTimeout

from tests.dramatiq.support import Start, State, declare_add
from workstreams.wait.broker import WorkstreamBroker


def test_a_group_runs_its_members_in_parallel_and_can_be_waited_for(worker: Start) -> None:
    together = threading.Barrier(3)

    @dramatiq.actor(store_results=True)
    def meet(n: int) -> int:
        together.wait(5)
        return n

    worker()
    members = group([meet.message(n) for n in range(3)]).run()
    members.wait(timeout=10_000)
    assert list(members.get_results()) == [0, 1, 2]
    assert (members.completed, members.completed_count, len(members)) == (True, 3, 3)


def test_the_results_of_a_group_come_in_the_order_of_its_members(worker: Start) -> None:
    slow = threading.Event()

    @dramatiq.actor(store_results=True)
    def act(n: int) -> int:
        if n == 0:
            slow.wait(5)
        else:
            slow.set()
        return n

    worker()
    members = group([act.message(0), act.message(1)]).run()
    assert list(members.get_results(block=True, timeout=5_000)) == [0, 1]


def test_a_group_that_is_not_finished_says_so(worker: Start, queues: WorkstreamBroker) -> None:
    add = declare_add()
    members = group([add.message(1, 2), add.message(3, 4)]).run()
    assert (members.completed, members.completed_count) == (False, 0)
    with pytest.raises(ResultMissing):
        list(members.get_results())
    with pytest.raises(ResultTimeout):
        members.wait(timeout=50)


def test_a_group_and_a_pipeline_may_hold_pipelines_and_groups_may_hold_groups(worker: Start) -> None:
    add = declare_add()
    worker()
    inner = group([add.message(1, 1), add.message(2, 2)])
    members = group([add.message(1, 2) | add.message(3), inner]).run()
    assert list(members.get_results(block=True, timeout=5_000)) == [6, [2, 4]]


def test_a_group_is_delayed_as_a_whole(worker: Start, state: State) -> None:
    add = declare_add()
    members = group([add.message(1, 2), add.message(3, 4)]).run(delay=60_000)
    assert [state(message) for message in members.children] == ["scheduled", "scheduled"]
