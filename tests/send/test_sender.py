from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

import workstreams
from tests.conftest import MakeConfig
from workstreams.errors import CostTooHigh, RedisUnavailable, WorkstreamFull
from workstreams.send.actor import WorkstreamActor
from workstreams.send.sender import BATCH
from workstreams.store.scripts import Scripts
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def act(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamActor[Any, Any]:
    broker.configure(make_config(mail={"max_waiting": 600, "rate": "5/s"}))

    @workstreams.actor(workstream="mail")
    def act(n: int = 0) -> None:
        """Does nothing."""

    return act


def waiting(broker: WorkstreamBroker) -> int:
    return int(broker.link.scripts.client.get(broker.link.keys.workstream("mail", "waiting")) or 0)


def test_the_first_send_publishes_the_settings(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    act.send()
    assert (
        broker.link.scripts.client.hget(broker.link.keys.limit("mail", "settings"), "rates")
        == b"5:1000000:10000:0"
    )


def test_settings_that_redis_lost_are_published_again(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    act.send()
    broker.link.scripts.client.delete(broker.link.keys.workstream("mail", "settings"))
    act.send()
    assert waiting(broker) == 2


def test_a_full_workstream_refuses_and_takes_none_of_the_batch(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    act.send_many([(n,) for n in range(590)])
    with pytest.raises(WorkstreamFull) as caught:
        act.send_many([(n,) for n in range(11)])
    assert (caught.value.workstream, caught.value.limit, waiting(broker)) == ("mail", 600, 590)


def test_a_cost_over_the_rate_is_refused_with_the_limit(act: WorkstreamActor[Any, Any]) -> None:
    with pytest.raises(CostTooHigh) as caught:
        act.send_with(cost=6)
    assert (caught.value.limit, caught.value.cost, caught.value.permits) == ("mail", 6, 5)


def test_many_jobs_go_in_batches_of_a_bounded_size(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run = Scripts.run

    def counting(self: Scripts, operation: str, call: Any, words: Any = ()) -> Any:
        sizes.append(len(words) // 9)
        return run(self, operation, call, words)

    act.send()
    monkeypatch.setattr(Scripts, "run", counting)
    act.send_many([(n,) for n in range(2 * BATCH + 1)])
    assert sizes == [BATCH, BATCH, 1]


def test_a_server_that_goes_away_in_the_middle_is_told_with_how_many_were_sent(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    act.send()
    run, calls = Scripts.run, []

    def failing(self: Scripts, operation: str, call: Any, words: Any = ()) -> Any:
        calls.append(call)
        if len(calls) > 1:
            raise redis.ConnectionError("gone")
        return run(self, operation, call, words)

    monkeypatch.setattr(Scripts, "run", failing)
    with pytest.raises(RedisUnavailable) as caught:
        act.send_many([(n,) for n in range(BATCH + 10)])
    assert caught.value.sent == BATCH


def test_a_reply_that_was_lost_sends_nothing_twice(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    act.send()
    run = Scripts.run

    def twice(self: Scripts, operation: str, call: Any, words: Any = ()) -> Any:
        run(self, operation, call, words)
        return run(self, operation, call, words)

    monkeypatch.setattr(Scripts, "run", twice)
    act.send_many([(n,) for n in range(10)])
    assert waiting(broker) == 11


def test_threads_may_send_at_once(broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]) -> None:
    threads = [threading.Thread(target=lambda: [act.send(n) for n in range(20)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiting(broker) == 120
