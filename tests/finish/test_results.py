from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.results import ResultFailure, ResultMissing

import workstreams
from tests.conftest import MakeConfig
from tests.support import events_in, lose_leases, wait_until, working
from workstreams.app import build_broker
from workstreams.errors import RedisUnavailable
from workstreams.finish.results import StoredResults
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def results(broker: WorkstreamBroker) -> StoredResults:
    backend = broker.get_results_backend()
    assert isinstance(backend, StoredResults)
    return backend


def message(job_id: str = "j1") -> dramatiq.Message[Any]:
    return Job("mail", "act", (), {}, {}, job_id)


def test_a_result_is_found_by_its_workstream_and_the_jobs_id(
    results: StoredResults, broker: WorkstreamBroker
) -> None:
    results.store_result(message(), {"a": [1, None]}, 60_000)
    key = broker.link.keys.workstream("mail", "result", "j1")
    assert broker.link.scripts.client.get(key) == b'{"a":[1,null]}'
    assert 0 < broker.link.scripts.client.pttl(key) <= 60_000
    assert results.get_result(Job("mail", "another.name", (), {}, {}, "j1")) == {"a": [1, None]}
    with pytest.raises(ResultMissing):
        results.get_result(message("j2"))


def test_who_waits_is_told_of_a_result_that_is_stored_outside_a_job(results: StoredResults) -> None:
    threading.Timer(0.1, results.store_result, (message(), 7, 60_000)).start()
    assert results.get_result(message(), block=True, timeout=10_000) == 7


def test_a_result_is_stored_with_the_finish_and_not_by_one_that_was_refused(
    results: StoredResults, broker: WorkstreamBroker
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    client, keys = broker.link.scripts.client, broker.link.keys

    @workstreams.actor(workstream="mail", store_results=True)
    def act() -> int:
        begun.set()
        go_on.wait(10)
        return 1

    with working(broker):
        job = act.send()
        assert begun.wait(5)
        lose_leases(broker.link)
        go_on.set()
        log = keys.workstream("mail", "log")
        wait_until(lambda: events_in(client, log, "finish_refused"))
        with pytest.raises(ResultMissing):
            job.get_result()
        client.delete(keys.workstream("mail", "running"))


def test_a_failure_is_stored_with_the_finish_that_makes_the_job_dead(
    results: StoredResults, broker: WorkstreamBroker
) -> None:
    @workstreams.actor(workstream="mail", store_results=True, retries=0, result_ttl=5_000)
    def act() -> None:
        raise KeyError("k")

    with working(broker):
        job = act.send()
        wait_until(lambda: broker.link.scripts.client.zcard(broker.link.keys.workstream("mail", "dead")))
        # It is there as soon as the job is dead: not later, with Dramatiq's own after_nack.
        with pytest.raises(ResultFailure) as caught:
            job.get_result()
    assert (caught.value.orig_exc_type, caught.value.orig_exc_msg) == ("KeyError", "'k'")
    assert 0 < broker.link.scripts.client.pttl(broker.link.keys.workstream("mail", "result", job.id)) <= 5_000


def test_a_result_larger_than_a_payload_may_be_is_a_failure_with_the_way_out(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"max_payload": "2KiB"}))
    results = StoredResults(broker)
    results.store_result(message(), "x" * 3_000, 60_000)
    with pytest.raises(ResultFailure, match="raise max_payload"):
        results.get_result(message())


def test_a_server_that_is_not_there_is_an_error_of_ours(make_config: MakeConfig) -> None:
    broker = build_broker(make_config(mail=None).model_copy(update={"redis": "unix:///nowhere.sock"}))
    with pytest.raises(RedisUnavailable):
        StoredResults(broker).get_result(message())
