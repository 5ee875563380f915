from __future__ import annotations

import pytest
from dramatiq import Middleware
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

import workstreams
from tests.conftest import MakeConfig
from tests.support import working
from workstreams.app import build_broker
from workstreams.errors import PayloadError, RedisUnavailable
from workstreams.finish.outcomes import Outcomes
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker


class First(Middleware):
    """Another one."""


def test_making_one_reads_no_file_and_connects_to_nothing() -> None:
    broker = build_broker("/nowhere/at/all.yml")
    broker.declare_queue("mail")
    assert broker.get_declared_queues() == {"mail"}


def test_the_middleware_that_decides_outcomes_stays_last(broker: WorkstreamBroker) -> None:
    broker.add_middleware(First())
    assert isinstance(broker.middleware[-1], Outcomes)


def test_a_message_is_sent_as_a_job_with_its_delay_in_milliseconds(broker: WorkstreamBroker) -> None:
    job = broker.enqueue(Job("mail", "act", (), {}, {}), delay=60_000)
    keys, client = broker.link.keys, broker.link.scripts.client
    assert isinstance(job, Job)
    assert client.hget(keys.workstream("mail", "job", job.message_id), "state") == b"scheduled"


def test_a_delay_without_meaning_is_refused(broker: WorkstreamBroker) -> None:
    with pytest.raises(PayloadError):
        broker.enqueue(Job("mail", "act", (), {}, {}), delay=-1)


def test_one_bad_message_of_many_sends_none_of_them(broker: WorkstreamBroker) -> None:
    jobs = [Job("mail", "act", (1,), {}, {}), Job("mail", "act", (float("nan"),), {}, {})]
    with pytest.raises(PayloadError):
        broker.enqueue_many(jobs)
    broker.join("mail", timeout=100)


def test_there_is_nothing_to_consume_where_no_worker_was_booted(broker: WorkstreamBroker) -> None:
    broker.declare_queue("mail")
    with pytest.raises(QueueNotFound):
        broker.consume("mail")
    with pytest.raises(QueueNotFound):
        broker.consume("text")


def test_join_waits_for_what_waits_is_scheduled_or_runs(broker: WorkstreamBroker) -> None:
    ran: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        ran.append(1)

    act.send_with(delay=50)
    with pytest.raises(QueueJoinTimeout):
        broker.join("mail", timeout=10)
    with working(broker):
        broker.join("mail", timeout=10_000)
    assert ran == [1]


def test_another_config_is_used_from_when_it_is_named(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.enqueue(Job("mail", "act", (), {}, {}))
    broker.configure(make_config(text=None))
    broker.enqueue(Job("text", "act", (), {}, {}))


def test_a_server_that_is_not_there_is_an_error_of_ours_that_names_it(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail=None).model_copy(update={"redis": "unix:///nowhere.sock"}))
    with pytest.raises(RedisUnavailable, match=r"/nowhere\.sock"):
        broker.enqueue(Job("mail", "act", (), {}, {}))
    with pytest.raises(RedisUnavailable, match=r"/nowhere\.sock"):
        broker.join("mail", timeout=10)
