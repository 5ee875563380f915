from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

import workstreams
from tests.conftest import MakeConfig
from tests.support import config_of
from workstreams.errors import (
    CostTooHigh,
    NothingRunsHere,
    RedisUnavailable,
    RedisUnsuitable,
    UnknownWorkstream,
    WorkstreamFull,
    WorkstreamsError,
)
from workstreams.send.actor import WorkstreamActor
from workstreams.send.job import Job
from workstreams.send.order import order_for
from workstreams.send.sender import BATCH, Sender
from workstreams.store.scripts import ScriptFailed, Scripts
from workstreams.wait.broker import WorkstreamBroker
from workstreams.wait.whereabouts import link_of


@pytest.fixture
def act(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamActor[Any, Any]:
    broker.configure(make_config(mail={"max_waiting": 900, "rate": "5/s"}))

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
    act.send_many([(n,) for n in range(890)])
    with pytest.raises(WorkstreamFull) as caught:
        act.send_many([(n,) for n in range(11)])
    assert (caught.value.workstream, caught.value.limit, waiting(broker)) == ("mail", 900, 890)


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


Fails = Callable[[Exception | list[bytes]], None]


@pytest.fixture
def second_call(act: WorkstreamActor[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Fails:
    """Let the second call of a send be answered so, or raise that."""
    act.send()
    run, calls = Scripts.run, []

    def prepare(answer: Exception | list[bytes]) -> None:
        def failing(self: Scripts, operation: str, call: Any, words: Any = ()) -> Any:
            calls.append(call)
            if len(calls) != 2:
                return run(self, operation, call, words)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Scripts, "run", failing)

    return prepare


@pytest.mark.parametrize(
    ("answer", "kind", "doubt"),
    [
        pytest.param(redis.ConnectionError("gone"), RedisUnavailable, BATCH, id="the reply was lost"),
        pytest.param(ScriptFailed("send: stopped"), RedisUnsuitable, BATCH, id="the script stopped"),
        pytest.param([b"full", b"mail", b"900"], WorkstreamFull, 0, id="full"),
        pytest.param([b"dear", b"mail", b"5", b"6"], CostTooHigh, 0, id="too dear"),
        pytest.param([b"unsettled", b"nowhere"], UnknownWorkstream, 0, id="unknown"),
    ],
)
def test_a_send_that_fails_in_the_middle_says_which_are_sent_and_which_are_in_doubt(
    act: WorkstreamActor[Any, Any],
    second_call: Fails,
    answer: Exception | list[bytes],
    kind: type[WorkstreamsError],
    doubt: int,
) -> None:
    second_call(answer)
    with pytest.raises(kind) as caught:
        act.send_many([(n,) for n in range(2 * BATCH + 10)])
    error = caught.value
    assert [job.args for job in error.jobs] == [(n,) for n in range(2 * BATCH + 10)]
    assert error.sent == BATCH
    assert error.in_doubt == error.jobs[BATCH : BATCH + doubt]


def test_what_was_not_sent_for_certain_is_sent_again_and_nothing_twice(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    act.send()
    run, calls = Scripts.run, []

    def loses_a_reply(self: Scripts, operation: str, call: Any, words: Any = ()) -> Any:
        reply = run(self, operation, call, words)
        calls.append(call)
        if len(calls) == 2:
            raise redis.ConnectionError("the reply was lost")
        return reply

    monkeypatch.setattr(Scripts, "run", loses_a_reply)
    with pytest.raises(RedisUnavailable) as caught:
        act.send_many([(n,) for n in range(2 * BATCH + 10)])
    assert waiting(broker) == 1 + 2 * BATCH
    broker.enqueue_many(caught.value.jobs[caught.value.sent :])
    assert waiting(broker) == 1 + 2 * BATCH + 10


def test_without_a_server_nothing_is_in_doubt(tmp_path: Path) -> None:
    config = config_of("t", "embedded", tmp_path, {"mail": None})
    sender = Sender(lambda: config, lambda: link_of(config))
    order = order_for(Job("mail", "act", (), {}, {}), config.workstream("mail"), "")
    with pytest.raises(NothingRunsHere) as caught:
        sender.send([order])
    assert (caught.value.sent, caught.value.in_doubt, caught.value.jobs) == (0, (), (order.job,))


def test_what_is_wrong_before_anything_is_tried_has_sent_nothing(act: WorkstreamActor[Any, Any]) -> None:
    with pytest.raises(WorkstreamsError) as caught:
        act.send_many([(1,), (object(),)])
    assert (caught.value.sent, caught.value.in_doubt, caught.value.jobs) == (0, (), ())


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


def test_a_config_of_another_app_inherits_no_suspicion_that_redis_lost_its_data(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any], make_config: MakeConfig, server_url: str
) -> None:
    here = broker.config
    there = config_of(f"{here.app}b", server_url, here.state_dir, {"mail": {"rate": "5/h"}})
    for config in (there, here, there):
        broker.configure(config)
        act.send()
    clock = broker.link.keys.clock
    assert broker.link.scripts.client.hexists(clock, "epoch")
    assert not broker.link.scripts.client.hexists(clock, "lost")


def test_settings_that_cannot_be_published_over_something_else_are_told_in_one_sentence(
    broker: WorkstreamBroker, act: WorkstreamActor[Any, Any]
) -> None:
    broker.link.scripts.client.set(broker.link.keys.workstreams, "of another program")
    with pytest.raises(RedisUnsuitable, match="give this app another name") as caught:
        act.send()
    assert caught.value.in_doubt == ()
