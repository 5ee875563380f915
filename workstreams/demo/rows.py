"""What the demo shows of each workstream, read from Redis in one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from workstreams.declare.config import Config, Workstream
from workstreams.store.client import redis_errors
from workstreams.store.link import Link
from workstreams.units import Rate

__all__ = ["Row", "Snapshot", "read_rows"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One workstream at one moment.

    Attributes:
      name: Its name.
      limit: What holds it back, in words.
      waiting: Jobs that are ready.
      scheduled: Jobs that are due later, retries for one.
      running: Jobs that run.
      done: Jobs done since the beginning.
      dead: Jobs that became dead letters since the beginning.
    """

    name: str
    limit: str
    waiting: int
    scheduled: int
    running: int
    done: int
    dead: int

    @property
    def unfinished(self) -> int:
        """Jobs that are still to end."""
        return self.waiting + self.scheduled + self.running


#: Returns all rows as they are now; raises RedisUnavailable.
Snapshot = Callable[[], Sequence[Row]]


def read_rows(link: Link, config: Config) -> tuple[Row, ...]:
    """Read all workstreams of a config.

    Raises:
      RedisUnavailable: When Redis does not answer.
    """
    keys = link.keys
    with redis_errors(link.url):
        pipe = link.scripts.client.pipeline(transaction=True)
        for name in config.workstreams:
            pipe.get(keys.workstream(name, "waiting"))
            pipe.zcard(keys.workstream(name, "scheduled"))
            pipe.zcard(keys.workstream(name, "running"))
            pipe.hmget(keys.workstream(name, "count"), "done", "dead")
        replies = iter(pipe.execute())
    return tuple(
        _row(workstream, next(replies), next(replies), next(replies), next(replies))
        for workstream in config.workstreams.values()
    )


def _row(
    workstream: Workstream, waiting: bytes | None, scheduled: int, running: int, ended: list[bytes | None]
) -> Row:
    done, dead = (int(count or 0) for count in ended)
    return Row(workstream.name, limit_in_words(workstream), int(waiting or 0), scheduled, running, done, dead)


def limit_in_words(workstream: Workstream) -> str:
    """``20/s, 5 at once``."""
    parts = [str(Rate(rate.permits, rate.window)) for rate in workstream.rates]
    if workstream.concurrency is not None:
        parts.append(f"{workstream.concurrency} at once")
    return ", ".join(parts) or "none"
