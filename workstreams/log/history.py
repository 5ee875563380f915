"""What one job did and wrote, from the index of its lines and the events around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import redis

from workstreams.log.lines import line_of
from workstreams.log.position import entry_before, position_of
from workstreams.log.streams import COUNT, Entry, told
from workstreams.send.identity import created_us
from workstreams.store.keys import Keys

__all__ = ["lines_of_job"]

#: µs by which the clock of whoever sent a job may be ahead of Redis's.
SKEW = 60_000_000


def lines_of_job(
    client: redis.Redis,
    keys: Keys,
    workstream: str,
    job: str,
    *,
    until_us: int | None = None,
) -> list[dict[str, Any]]:
    """All that is kept of one job: its own lines (the last 1,000) and the system's events about it.

    Events are searched from the job's creation, which its UUIDv7 tells, so the shorter the job's life the
    cheaper; an id of another kind is searched from the oldest line.

    Parameters:
      client: Any client.
      keys: The shard of the workstream.
      workstream: Its name.
      job: The job's id.
      until_us: µs since 1970 of the job's end, if that is known: no events are searched after it.

    Returns:
      Lines in the order in which they happened, each with the ten fields in their order.
    """
    stream = keys.workstream(workstream, "log")
    index = keys.workstream(workstream, "lines", job)
    found = {(stream_id, 0): fields for stream_id, fields in _indexed(client, stream, index)}
    for stream_id, nth, fields in told(_about(job.encode(), _between(client, stream, job, until_us))):
        if fields.get(b"j") == job.encode():
            found[stream_id, nth] = fields
    lines = [(place, line_of(place[0], fields, keys.app, workstream)) for place, fields in found.items()]
    lines.sort(key=lambda one: position_of(one[0][0], one[0][1], one[1]["ts"], workstream))
    return [line for _, line in lines]


def _indexed(client: redis.Redis, stream: str, index: str) -> Iterator[Entry]:
    ids: Any = client.lrange(index, 0, -1)
    for start in range(0, len(ids), COUNT):
        pipeline = client.pipeline(transaction=False)
        for stream_id in ids[start : start + COUNT]:
            pipeline.xrange(stream, stream_id, stream_id)
        for entries in pipeline.execute():
            yield from entries


def _about(job: bytes, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Those that may be about a job: most are not, and taking them apart takes longer than to see that."""
    for entry in entries:
        if job in entry[1].get(b"p", b"") or entry[1].get(b"j") == job:
            yield entry


def _between(client: redis.Redis, stream: str, job: str, until_us: int | None) -> Iterator[Entry]:
    oldest = b"(" + entry_before((created_us(job) or 0) - SKEW)
    # An event is written with its time in hand, a little later; and the end is as the job's record says.
    newest = "+" if until_us is None else str(until_us // 1000 + 1000)
    while True:
        entries: Any = client.xrange(stream, oldest, newest, count=COUNT)
        yield from entries
        if len(entries) < COUNT:
            return
        oldest = b"(" + entries[-1][0]
