"""https://dramatiq.io/advanced.html: messages, and who runs them."""

from __future__ import annotations

import threading
import time

import dramatiq
from dramatiq.middleware import CurrentMessage, Shutdown

from tests.conftest import MakeConfig
from tests.dramatiq.support import Start, State
from tests.support import wait_until, working
from workstreams.app import build_broker
from workstreams.wait.broker import WorkstreamBroker


def test_what_a_worker_holds_when_it_stops_is_run_by_another(worker: Start, queues: WorkstreamBroker) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def act(n: int) -> None:
        ran.append(n)

    first = worker(threads=1)
    for n in range(200):
        act.send(n)
    first.stop()
    worker(threads=4)
    queues.join("default", timeout=10_000)
    assert sorted(ran) == list(range(200))


def test_an_actor_reads_its_own_message(worker: Start) -> None:
    seen: list[str] = []

    @dramatiq.actor
    def act() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.message_id)

    worker()
    message = act.send()
    wait_until(lambda: seen)
    assert seen == [message.message_id]
    assert CurrentMessage.get_current_message() is None


def test_an_actor_that_asked_for_it_is_interrupted_when_the_worker_stops_and_run_again_by_the_next(
    queues: WorkstreamBroker, state: State
) -> None:
    begun, cleaned = threading.Event(), threading.Event()
    ran: list[int] = []

    @dramatiq.actor(max_retries=0, notify_shutdown=True)
    def long_running_task() -> None:
        ran.append(1)
        if len(ran) > 1:
            return
        try:
            begun.set()
            for _ in range(1_000):
                time.sleep(0.01)  # the work, which is to be interrupted
        except Shutdown:
            cleaned.set()
            raise

    with working(queues):
        message = long_running_task.send()
        assert begun.wait(5)
    assert cleaned.is_set()
    assert state(message) == "waiting"
    with working(queues):
        queues.join("default", timeout=5_000)
    assert (state(message), len(ran)) == ("done", 2)


def test_apps_on_one_server_are_kept_apart(
    make_config: MakeConfig, queues: WorkstreamBroker, worker: Start
) -> None:
    ran: list[str] = []
    other = build_broker(make_config(default=None).model_copy(update={"app": f"{queues.config.app}b"}))

    @dramatiq.actor
    def act(who: str) -> None:
        ran.append(who)

    try:
        other.enqueue(dramatiq.Message("default", "act", ("theirs",), {}, {}))
        worker()
        act.send("ours")
        queues.join("default", timeout=5_000)
        assert ran == ["ours"]
    finally:
        other.close()
