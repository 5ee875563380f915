"""What the tests of blocks look at."""

from __future__ import annotations

import asyncio
import threading

from workstreams.wait.broker import WorkstreamBroker


def held(broker: WorkstreamBroker, limit: str = "api") -> int:
    keys = broker.link.keys
    return int(broker.link.scripts.client.zcard(keys.limit(limit, "holders")))


def threads() -> list[str]:
    """Ours that live for the sake of limits."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name in ("workstreams-limits", "workstreams-limits-listener")]


async def standing(broker: WorkstreamBroker, number: int) -> None:
    """Wait until so many stand in the line, without holding up the loop."""
    client, queue = broker.link.scripts.client, broker.link.keys.limit("api", "queue")
    while client.zcard(queue) < number:
        await asyncio.sleep(0.01)  # between two looks at a condition
