"""https://dramatiq.io/best_practices.html"""

from __future__ import annotations

from typing import Any

import dramatiq
import pytest

from tests.dramatiq.support import Start
from tests.support import wait_until
from workstreams.errors import PayloadTooLarge
from workstreams.wait.broker import WorkstreamBroker


@pytest.mark.parametrize("value", [True, None, 3, 2.5, "text", [1, [2]], {"a": {"b": []}}])
def test_simple_values_arrive_as_they_were_sent(worker: Start, value: Any) -> None:
    arrived: list[Any] = []

    @dramatiq.actor
    def act(x: Any) -> None:
        arrived.append(x)

    worker()
    act.send(value)
    wait_until(lambda: arrived)
    assert arrived == [value]
    assert type(arrived[0]) is type(value)


def test_a_message_that_is_too_long_is_refused_with_the_advice_to_send_a_reference(
    queues: WorkstreamBroker,
) -> None:
    @dramatiq.actor
    def act(x: str) -> None:
        """Never runs."""

    with pytest.raises(PayloadTooLarge, match="send a reference"):
        act.send("x" * 300_000)
