"""https://dramatiq.io/reference.html: messages."""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import AgeLimit, CurrentMessage, Middleware, SkipMessage

import workstreams
from tests.dramatiq.support import Ended, Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_message_is_built_with_options_and_sent_by_the_broker(
    worker: Start, queues: WorkstreamBroker
) -> None:
    ran: list[Any] = []

    @dramatiq.actor
    def act(*args: Any, **kwargs: Any) -> None:
        ran.append((args, kwargs))

    worker()
    message = act.message_with_options(args=(1,), kwargs={"b": 2}, max_retries=3)
    sent = queues.enqueue(message)
    assert (sent.message_id, sent.options) == (message.message_id, {"max_retries": 3})
    wait_until(lambda: ran)
    assert ran == [((1,), {"b": 2})]


def test_a_message_is_encoded_decoded_copied_and_compared_like_dramatiqs(queues: WorkstreamBroker) -> None:
    @workstreams.actor
    def act(x: int) -> None:
        """Never runs."""

    message = act.message(1)
    assert dramatiq.Message.decode(message.encode()).asdict() == message.asdict()
    assert message.copy(args=(2,)).args == (2,)
    assert message.message_datetime.timestamp() == message.message_timestamp / 1000
    assert str(message) == "act(1)"


def test_a_message_with_pipe_target_goes_on_without_a_pipeline(worker: Start) -> None:
    ran: list[int] = []

    @dramatiq.actor
    def first() -> int:
        return 7

    @dramatiq.actor
    def second(x: int) -> None:
        ran.append(x)

    worker()
    first.send_with_options(pipe_target=second.message().asdict())
    wait_until(lambda: ran)
    assert ran == [7]


@pytest.mark.parametrize("where", ["actor", "middleware"])
def test_a_message_that_is_sent_again_while_it_runs_runs_again_and_is_not_lost(
    worker: Start, queues: WorkstreamBroker, ended: Ended, where: str
) -> None:
    ran: list[Any] = []

    class Postpones(Middleware):
        def before_process_message(self, broker: Any, message: Any) -> None:
            if where == "middleware" and "seen" not in message.options:
                broker.enqueue(message.copy(options={"seen": True}), delay=20)
                raise SkipMessage("later")

    queues.add_middleware(Postpones(), before=AgeLimit)

    @dramatiq.actor
    def act(n: int) -> None:
        ran.append(n)
        message = CurrentMessage.get_current_message()
        assert message is not None
        if where == "actor" and n < 3:
            queues.enqueue(message.copy(args=(n + 1,)), delay=10)

    worker()
    message = act.send(1)
    ended(message, "done")
    assert ran == ([1, 2, 3] if where == "actor" else [1])
