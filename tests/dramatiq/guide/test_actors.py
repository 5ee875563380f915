"""https://dramatiq.io/guide.html: actors and workers."""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest

import workstreams
from tests.dramatiq.support import Start
from tests.support import wait_until
from workstreams.errors import PayloadError
from workstreams.wait.broker import WorkstreamBroker


def test_an_actor_is_called_like_the_function_it_was(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def count_words(text: str) -> int:
        return len(text.split())

    assert count_words("two words") == 2


@pytest.mark.parametrize("decorate", [dramatiq.actor, workstreams.actor])
def test_a_sent_message_is_returned_and_run_by_a_worker_later(worker: Start, decorate: Any) -> None:
    ran: list[Any] = []

    @decorate
    def count_words(*args: Any, **kwargs: Any) -> None:
        ran.append((args, kwargs))

    message = count_words.send("a", n=1)
    assert isinstance(message, dramatiq.Message)
    assert (message.queue_name, message.actor_name) == ("default", "count_words")
    assert (message.args, message.kwargs, message.options) == (("a",), {"n": 1}, {})
    assert ran == []
    worker()
    wait_until(lambda: ran)
    assert ran == [(("a",), {"n": 1})]


def test_an_actor_of_dramatiqs_own_decorator_has_its_queue_and_name(
    worker: Start, queues: WorkstreamBroker
) -> None:
    @dramatiq.actor(queue_name="ui", actor_name="other")
    def act() -> None:
        """Does nothing."""

    @workstreams.actor(queue_name="ui", actor_name="ours")
    def mine() -> None:
        """Does nothing."""

    for one, name in ((act, "other"), (mine, "ours")):
        message = one.send()
        assert (message.queue_name, message.actor_name) == ("ui", name)
    worker()
    queues.join("ui", timeout=5_000)


def test_arguments_that_json_cannot_carry_are_refused_at_the_send(queues: WorkstreamBroker) -> None:
    @dramatiq.actor
    def act(x: Any) -> None:
        """Never runs."""

    with pytest.raises(PayloadError):
        act.send(object())
