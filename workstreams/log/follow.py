"""The lines of many workstreams as one sequence: what was written, then what is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import redis

from workstreams.log.position import parse_position
from workstreams.log.reader import Line, Reader, Request
from workstreams.log.streams import Homes
from workstreams.log.wanted import wanted
from workstreams.send.identity import created_us
from workstreams.store.keys import Keys

__all__ = ["Line", "follow"]

#: µs by which the clock of whoever sent a job may be ahead of Redis's.
SKEW = 60_000_000


def follow(
    client: redis.Redis,
    keys: Keys,
    workstreams: Iterable[str] | None,
    *,
    shards: Mapping[str, Keys] | None = None,
    after: str | None = None,
    since_us: int | None = None,
    last: int | None = None,
    job: str | None = None,
    actor: str | None = None,
    level: str | None = None,
    grep: str | None = None,
    follow: bool = True,
) -> Iterator[Line]:
    """Read lines and events in the order in which they happened.

    Without ``after``, ``since_us``, ``last`` and ``job`` it begins now, or with the oldest line if it does
    not follow. Lines that were trimmed before they were read leave a line ``gap``. While Redis is away the
    reader waits, and goes on where it was.

    Parameters:
      client: A client whose socket timeout is longer than 5 s.
      keys: Keys of the app.
      workstreams: Their names; ``""`` is the app's own stream. None is all that were ever published, new ones
        as they come, and the app's own.
      shards: Keys of the workstreams that declare a shard, by workstream.
      after: The id of the last line seen.
      since_us: µs since 1970.
      last: Only so many lines before it goes on.
      job: Only this job.
      actor: Only this actor.
      level: Only this level and above.
      grep: Only lines with this text in ``name=value``.
      follow: Whether to wait for more, for ever; else it ends with what was written before the call.

    Raises:
      ConfigError: When ``after`` is no cursor or ``level`` no level.
      RedisUnavailable: When Redis cannot be reached at the beginning, or at any time if it does not follow.
    """
    begin = parse_position(after) if after is not None else None
    created = (created_us(job) or 0) - SKEW if job and begin is None else None
    bounds = [us for us in (begin.time if begin else None, since_us, created) if us is not None]
    request = Request(
        names=None if workstreams is None else tuple(dict.fromkeys(workstreams)),
        wanted=wanted(job, actor, level, grep),
        endless=follow,
        after=begin,
        start=max(bounds) if bounds else None,
        since=since_us or 0,
        last=last,
    )
    return Reader(client, Homes(keys, shards or {}), request).lines()
