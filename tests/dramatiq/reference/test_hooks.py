"""https://dramatiq.io/reference.html: what a middleware is told, and what it may do."""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage, Middleware, MiddlewareError, SkipMessage

from tests.dramatiq.support import Ended, Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker

PROCESSED = ["before_enqueue", "after_enqueue", "before_process_message", "after_process_message"]


def moments(called: list[str]) -> list[str]:
    """The sender's hooks before the worker's: a job may start while its sender's last hook is called."""
    return sorted(called, key=lambda name: "enqueue" not in name)


def test_every_hook_that_concerns_a_message_is_called_in_order(
    queues: WorkstreamBroker, worker: Start
) -> None:
    called: list[str] = []
    records = Middleware()
    for moment in ("enqueue", "process_message", "ack", "nack", "skip_message"):
        for name in (f"before_{moment}", f"after_{moment}"):
            setattr(records, name, lambda *_, name=name, **__: called.append(name))
    queues.add_middleware(records)

    @dramatiq.actor(max_retries=0)
    def act(fail: bool) -> None:
        if fail:
            raise ValueError("no")

    worker()
    act.send(False)
    wait_until(lambda: "after_ack" in called)
    assert moments(called) == [*PROCESSED, "before_ack", "after_ack"]
    called.clear()
    act.send(True)
    wait_until(lambda: "after_nack" in called)
    assert moments(called) == [*PROCESSED, "before_nack", "after_nack"]


def test_a_hook_before_the_enqueue_may_change_the_options_and_is_told_the_delay(
    worker: Start, queues: WorkstreamBroker
) -> None:
    delays: list[Any] = []
    seen: list[Any] = []

    class Tags(Middleware):
        def before_enqueue(self, _: Any, message: Any, delay: int | None) -> None:
            message.options["tag"] = "blue"
            delays.append(delay)

        def after_enqueue(self, _: Any, __: Any, delay: int | None) -> None:
            delays.append(delay)

    queues.add_middleware(Tags())

    @dramatiq.actor
    def act() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.options["tag"])

    worker()
    act.send_with_options(delay=20)
    act.send()
    wait_until(lambda: len(seen) == 2)
    assert (seen, delays) == (["blue"] * 2, [20, 20, None, None])


@pytest.mark.parametrize(
    "place", ["before_enqueue", "before_process_message", "after_process_message", "before_ack"]
)
def test_an_error_in_a_hook_is_logged_and_harms_no_message(
    worker: Start, queues: WorkstreamBroker, ended: Ended, place: str
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect in a middleware")

    broken = Middleware()
    setattr(broken, place, breaks)
    queues.add_middleware(broken)

    @dramatiq.actor(max_retries=0)
    def act() -> None:
        """Does nothing."""

    worker()
    ended(act.send(), "done")


def test_a_retry_is_an_enqueue_to_the_hooks_and_keeps_the_options_that_they_add(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    told: list[Any] = []
    seen: list[Any] = []

    class Traces(Middleware):
        def before_enqueue(self, _: Any, message: Any, delay: int | None) -> None:
            message.options["trace"] = message.options.get("trace", 0) + 1
            told.append((message.options.get("retries", 0), delay is not None))

    queues.add_middleware(Traces())

    @dramatiq.actor(max_retries=1, min_backoff=2)
    def fails() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.options["trace"])
        raise ValueError("no")

    worker()
    ended(fails.send(), "dead")
    assert (told, seen) == ([(0, False), (1, True)], [1, 2])


def test_a_middleware_error_before_the_enqueue_is_the_senders(queues: WorkstreamBroker) -> None:
    class Refuses(Middleware):
        def before_enqueue(self, *_: Any) -> None:
            raise MiddlewareError("not now")

    queues.add_middleware(Refuses())

    @dramatiq.actor
    def act() -> None:
        """Never runs."""

    with pytest.raises(MiddlewareError):
        act.send()
    queues.join("default", timeout=100)


def test_a_message_that_a_middleware_skips_does_not_run(
    worker: Start, queues: WorkstreamBroker, ended: Ended
) -> None:
    ran: list[int] = []

    class Skips(Middleware):
        def before_process_message(self, *_: Any) -> None:
            raise SkipMessage("not today")

    queues.add_middleware(Skips())

    @dramatiq.actor
    def act() -> None:
        ran.append(1)

    worker()
    ended(act.send(), "discarded")
    assert ran == []


@pytest.mark.parametrize("place", ["before_process_message", "after_process_message"])
def test_a_message_that_a_middleware_fails_is_dead(
    worker: Start, queues: WorkstreamBroker, ended: Ended, place: str
) -> None:
    failing = Middleware()
    setattr(failing, place, lambda _, message, **__: message.fail())
    queues.add_middleware(failing)

    @dramatiq.actor(store_results=True)
    def act() -> int:
        return 1

    worker()
    message = act.send()
    ended(message, "dead")
    with pytest.raises(dramatiq.results.ResultFailure):
        message.get_result()
