"""https://dramatiq.io/cookbook.html: group callbacks."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
from dramatiq import group
from dramatiq.middleware import GroupCallbacks

import workstreams
from tests.dramatiq.support import Start
from tests.support import events_in, lose_leases, wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_completion_callbacks_run_once_after_the_last_member(worker: Start, queues: WorkstreamBroker) -> None:
    done: list[int] = []
    seen: list[tuple[str, int]] = []
    go = threading.Event()

    @dramatiq.actor
    def member(n: int) -> None:
        if n == 0:
            go.wait(5)
        done.append(n)

    @dramatiq.actor(queue_name="ui")
    def finalize(name: str) -> None:
        seen.append((name, len(done)))

    worker()
    members = group([member.message(n) for n in range(5)])
    members.add_completion_callback(finalize.message("a"))
    members.add_completion_callback(finalize.message("b"))
    members.run()
    wait_until(lambda: len(done) == 4)
    assert seen == []
    go.set()
    wait_until(lambda: len(seen) == 2)
    for name in ("default", "ui"):
        queues.join(name, timeout=5_000)
    assert sorted(seen) == [("a", 5), ("b", 5)]


def test_a_pipeline_in_a_group_is_a_member_that_is_done_with_its_last_step(
    worker: Start, queues: WorkstreamBroker
) -> None:
    steps: list[str] = []

    @dramatiq.actor
    def step(name: str, _: Any = None) -> str:
        steps.append(name)
        return name

    @dramatiq.actor
    def finalize() -> None:
        steps.append("end")

    worker()
    members = group([step.message("a1") | step.message("a2") | step.message("a3"), step.message("b")])
    members.add_completion_callback(finalize.message())
    members.run()
    wait_until(lambda: "end" in steps)
    assert (sorted(steps[:-1]), steps[-1]) == (["a1", "a2", "a3", "b"], "end")


def test_a_member_that_is_retried_counts_once_and_a_dead_one_never(
    worker: Start, queues: WorkstreamBroker
) -> None:
    attempts: list[int] = []
    ended: list[str] = []

    @dramatiq.actor(max_retries=3)
    def member(n: int) -> None:
        attempts.append(n)
        if n == 0 and attempts.count(0) < 3:
            raise ValueError("not yet")
        if n == 9:
            raise ValueError("never")

    @dramatiq.actor
    def finalize(name: str) -> None:
        ended.append(name)

    worker()
    for name, last in (("good", 2), ("bad", 9)):
        members = group([member.message(0), member.message(1), member.message(last)])
        members.add_completion_callback(finalize.message(name))
        members.run()
    queues.join("default", timeout=10_000)
    assert ended == ["good"]


def test_a_member_whose_finish_was_refused_is_not_counted_until_it_is_run_again(
    worker: Start, queues: WorkstreamBroker
) -> None:
    runs: list[int] = []
    ended: list[int] = []
    begun, go_on = threading.Event(), threading.Event()
    client, keys = queues.link.scripts.client, queues.link.keys

    @dramatiq.actor
    def member() -> None:
        runs.append(1)
        if len(runs) == 1:
            begun.set()
            go_on.wait(10)

    @dramatiq.actor
    def finalize() -> None:
        ended.append(len(runs))

    worker()
    members = group([member.message()])
    members.add_completion_callback(finalize.message())
    members.run()
    assert begun.wait(5)
    lose_leases(queues.link)
    go_on.set()
    refused = keys.workstream("default", "log")
    wait_until(lambda: events_in(client, refused, "finish_refused"))
    assert ended == []
    client.delete(keys.workstream("default", "running"))


def test_the_documented_way_to_set_up_group_callbacks_keeps_the_counts_in_our_store(
    worker: Start, queues: WorkstreamBroker
) -> None:
    ended: list[int] = []
    queues.add_middleware(GroupCallbacks(workstreams.LimiterBackend(queues), barrier_ttl=5_000))
    assert len([one for one in queues.middleware if isinstance(one, GroupCallbacks)]) == 1

    @dramatiq.actor
    def member() -> None:
        """Does nothing."""

    @dramatiq.actor
    def finalize() -> None:
        ended.append(1)

    members = group([member.message(), member.message()])
    members.add_completion_callback(finalize.message())
    members.run()
    client, keys = queues.link.scripts.client, queues.link.keys
    (counter,) = client.scan_iter(match=keys.root + "counter:*")
    assert 0 < client.pttl(counter) <= 5_000
    worker()
    wait_until(lambda: ended)
