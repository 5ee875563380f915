"""What tests of several pages share: the kinds of the fixtures, and an actor of the documentation's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import dramatiq

#: Starts a stock worker.
Start: TypeAlias = Callable[..., dramatiq.Worker]
#: The state of a job.
State: TypeAlias = Callable[[Any], str]
#: Waits until a job is in a state.
Ended: TypeAlias = Callable[[Any, str], None]


def declare_add() -> dramatiq.Actor[..., Any]:
    @dramatiq.actor(store_results=True)
    def add(x: int, y: int) -> int:
        return x + y

    return add
