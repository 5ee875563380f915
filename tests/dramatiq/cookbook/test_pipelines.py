"""https://dramatiq.io/cookbook.html: pipelines."""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest
from dramatiq import pipeline
from dramatiq.results import ResultFailure, ResultMissing

import workstreams
from tests.dramatiq.support import Ended, Start, State, declare_add
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_the_result_of_each_step_is_the_last_argument_of_the_next(worker: Start) -> None:
    add = declare_add()
    worker()
    piped = pipeline([add.message(1, 2), add.message(3), add.message(4)]).run()
    assert piped.get_result(block=True, timeout=5_000) == 10
    assert list(piped.get_results(block=True)) == [3, 6, 10]
    assert (piped.completed, piped.completed_count, len(piped)) == (True, 3, 3)


def test_messages_and_pipelines_are_joined_with_a_pipe(worker: Start) -> None:
    add = declare_add()
    worker()
    nested = add.message(1, 2) | pipeline([add.message(3), add.message(4)]) | add.message(5)
    assert nested.run().get_result(block=True, timeout=5_000) == 15


def test_a_step_with_pipe_ignore_is_not_given_the_result_before_it(worker: Start) -> None:
    given: list[tuple[Any, ...]] = []

    @dramatiq.actor
    def note(*args: Any) -> str:
        given.append(args)
        return "codes"

    worker()
    (note.message(1) | note.message_with_options(args=(2,), pipe_ignore=True) | note.message(3)).run()
    wait_until(lambda: len(given) == 3)
    assert given == [(1,), (2,), (3, "codes")]


def test_a_pipeline_is_delayed_as_a_whole_and_each_step_by_its_own_delay(
    worker: Start, state: State, ended: Ended
) -> None:
    add = declare_add()
    piped = (add.message(1, 2) | add.message_with_options(args=(3,), delay=60_000)).run()
    worker()
    assert piped.messages[0].get_result(block=True, timeout=5_000) == 3
    ended(piped.messages[1], "scheduled")
    later = (add.message(1, 2) | add.message(3)).run(delay=60_000)
    assert (state(later.messages[0]), later.completed) == ("scheduled", False)


def test_a_step_that_fails_for_good_ends_its_pipeline(worker: Start, queues: WorkstreamBroker) -> None:
    add = declare_add()

    @dramatiq.actor(max_retries=0, store_results=True)
    def fails(x: int) -> int:
        raise ValueError("no")

    worker()
    piped = (add.message(1, 2) | fails.message() | add.message(1)).run()
    queues.join("default", timeout=5_000)
    with pytest.raises(ResultFailure, match="ValueError"):
        piped.messages[1].get_result()
    with pytest.raises(ResultMissing):
        piped.get_result()


def test_a_step_finds_its_key_in_the_argument_that_the_step_before_made(worker: Start) -> None:
    keys: list[str] = []

    @workstreams.actor
    def tenant_of(n: int) -> str:
        return f"tenant-{n}"

    @workstreams.actor(key_arg="tenant")
    def bill(tenant: str) -> None:
        keys.append(workstreams.current_job().key)

    worker()
    workstreams.pipeline([tenant_of.message(7), bill.message()]).run()
    wait_until(lambda: keys)
    assert keys == ["tenant-7"]


def test_a_next_step_that_cannot_be_sent_makes_a_dead_letter_and_is_not_lost_in_silence(
    worker: Start, ended: Ended
) -> None:
    @dramatiq.actor(store_results=True)
    def makes(n: int) -> object:
        return {1, 2}

    @dramatiq.actor
    def takes(x: object) -> None:
        """Never runs."""

    worker()
    piped = (makes.message(1) | takes.message()).run()
    ended(piped.messages[0], "dead")
    with pytest.raises(ResultFailure, match="PayloadError"):
        piped.messages[0].get_result()
