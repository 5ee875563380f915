"""Asks the read-only operations about many things, so that Redis serves others in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from workstreams.errors import RedisUnsuitable
from workstreams.state.decoding import moment, text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["ask_in_batches"]

#: Things in one call, of which each takes Redis about 30 µs.
AT_ONCE = 25


def ask_in_batches(link: Link, operation: str, wants: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
    """Ask an operation that answers with its time and one reply for each thing.

    Parameters:
      link: Where.
      operation: The script.
      wants: What is asked about.

    Returns:
      For each, in order: the moment in µs since 1970 by Redis's clock, and the reply.

    Raises:
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    for start in range(0, len(wants), AT_ONCE):
        batch = wants[start : start + AT_ONCE]
        with readable(link):
            now, found = link.scripts.run(operation, {"wants": batch, "epoch": "", "fresh": uuid4().hex})
        at = moment(now)
        if at is None or len(found) != len(batch):
            raise RedisUnsuitable(f"expected a time in {link.keys.clock}, found {text(now)}: delete that key")
        for reply in found:
            yield at, reply
