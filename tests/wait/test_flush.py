from __future__ import annotations

import threading

import pytest
from dramatiq.errors import QueueNotFound

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker
from workstreams.wait.emptying import failure_in, flush, unfinished


def test_a_flush_leaves_nothing_but_what_runs(broker: WorkstreamBroker) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @workstreams.actor(workstream="mail")
    def act(n: int) -> None:
        begun.set()
        go_on.wait(10)

    with working(broker, threads=1):
        first = act.send(0)
        assert begun.wait(5)
        rest = [*act.send_many([(n,) for n in range(600)]), act.send_with(delay="1h")]
        assert flush(broker.link, "mail") == len(rest)
        assert unfinished(broker.link, "mail") == 1
        go_on.set()
        broker.join("mail", timeout=5_000)
    client, keys = broker.link.scripts.client, broker.link.keys
    assert client.hget(keys.workstream("mail", "job", first.id), "state") == b"done"
    assert {client.hget(keys.workstream("mail", "job", job.id), "state") for job in rest} == {b"discarded"}


def test_what_is_sent_after_a_flush_runs(broker: WorkstreamBroker) -> None:
    ran: list[int] = []

    @workstreams.actor(workstream="mail", key_arg="tenant")
    def act(tenant: str) -> None:
        ran.append(1)

    act.send_many([("a",), ("b",)])
    broker.flush("mail")
    with working(broker):
        act.send("a")
        broker.join("mail", timeout=5_000)
    assert ran == [1]


def test_a_flush_drops_dead_letters_and_with_them_the_failure_that_a_join_would_raise(
    broker: WorkstreamBroker,
) -> None:
    @workstreams.actor(workstream="mail", retries=0)
    def act() -> None:
        raise ValueError("no")

    with working(broker):
        act.send()
        wait_until(lambda: failure_in(broker.link, "mail"))
    broker.flush("mail")
    assert failure_in(broker.link, "mail") is None


def test_another_workstream_is_left_alone(broker: WorkstreamBroker, make_config: MakeConfig) -> None:
    broker.configure(make_config(mail=None, text=None))
    broker.enqueue_many([Job("mail", "act", (), {}, {}), Job("text", "act", (), {}, {})])
    broker.flush("mail")
    assert (unfinished(broker.link, "mail"), unfinished(broker.link, "text")) == (0, 1)
    with pytest.raises(QueueNotFound):
        broker.flush("nowhere")
