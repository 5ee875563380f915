"""How every operation here is called: under a request id, so that a re-send changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["BATCH", "call"]

#: Jobs in one call: Redis serves nobody else meanwhile, and each takes about 10 µs.
BATCH = 100


def call(link: Link, operation: str, fields: dict[str, Any], words: Sequence[str | bytes] = ()) -> list[Any]:
    """Carry out one operation once.

    Parameters:
      link: Where.
      operation: The script.
      fields: Its call.
      words: Its further words.

    Returns:
      Its reply.

    Raises:
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    request = uuid4().hex
    with readable(link):
        reply: list[Any] = link.scripts.run(
            operation, {**fields, "request": request, "epoch": "", "fresh": request}, words
        )
    return reply
