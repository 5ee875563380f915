"""Reading the streams of a log: forwards from a place, backwards from the end, and what is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
from redis import exceptions

from workstreams.log.lines import events_in, stream_time
from workstreams.store.keys import Keys

__all__ = [
    "COUNT",
    "LEAST",
    "Entry",
    "Homes",
    "Source",
    "Told",
    "backwards",
    "forwards",
    "newest_id",
    "oldest_if_trimmed",
    "order",
    "server_us",
    "told",
]

#: Entries in one reply, of up to 64 events each; more would hold up everybody else there. They are shared out
#: among the streams, of which each gets so many at least.
COUNT, LEAST = 250, 25

Entry = tuple[bytes, Mapping[bytes, bytes]]

#: Entry's id, which of its events it is, and its fields.
Told = tuple[bytes, int, Mapping[bytes, bytes]]


@dataclasses.dataclass(slots=True)
class Source:
    """One stream and how far it was read.

    Attributes:
      name: Its workstream; empty for the app's own stream.
      key: Its key.
      last: Id of the last entry read, or one before the first that is wanted.
      behind: Whether there may be more to read at once.
      left_some: Whether the last read did not reach the end.
    """

    name: str
    key: bytes
    last: bytes = b"0-0"
    behind: bool = True
    left_some: bool = False

    @property
    def time(self) -> int:
        """µs since 1970 of the last entry read."""
        return stream_time(self.last)


@dataclasses.dataclass(frozen=True, slots=True)
class Homes:
    """Where the streams of an app are.

    Attributes:
      keys: Keys of the app.
      shards: Keys of the workstreams that declare a shard, by workstream.
    """

    keys: Keys
    shards: Mapping[str, Keys]

    def source(self, name: str, last: bytes = b"0-0") -> Source:
        """The stream of a workstream, or of the app itself for an empty name."""
        keys = self.shards.get(name, self.keys)
        return Source(name, (keys.workstream(name, "log") if name else keys.log).encode(), last)

    def names(self, client: redis.Redis) -> list[str]:
        """The app's own stream and all workstreams that were ever published."""
        found: set[bytes] = set()
        for key in {keys.workstreams for keys in (self.keys, *self.shards.values())}:
            members: Any = client.smembers(key)
            found.update(members)
        return ["", *sorted(name.decode("utf-8", "replace") for name in found)]


def server_us(client: redis.Redis) -> int:
    """The server's clock, in µs since 1970."""
    reply: Any = client.time()
    return int(reply[0]) * 1_000_000 + int(reply[1])


def forwards(
    client: redis.Redis, sources: Iterable[Source], count: int, block_ms: int | None
) -> dict[bytes, list[Entry]]:
    """Read what stands behind each source's last entry.

    Parameters:
      client: Its socket timeout must be longer than the block.
      sources: The streams.
      count: Entries of each at most.
      block_ms: How long to wait when there is nothing; None not at all.

    Returns:
      Entries by key.
    """
    reply: Any = client.xread({source.key: source.last for source in sources}, count=count, block=block_ms)
    if isinstance(reply, list):
        return {key: _present(entries) for key, entries in reply}
    # RESP3: one more list around the entries.
    return {
        key: _present([entry for part in parts for entry in part]) for key, parts in (reply or {}).items()
    }


def told(entries: Iterable[Entry]) -> Iterator[Told]:
    """All that entries tell, in their order: one holds the events of a whole call."""
    for stream_id, fields in entries:
        for nth, event in enumerate(events_in(fields)):
            yield stream_id, nth, event


def backwards(client: redis.Redis, key: bytes, newest: bytes, down_to: bytes) -> Iterator[Told]:
    """Read a stream from an entry downwards, to an id that is left out; few at first, as a few may do."""
    count = LEAST
    while True:
        reply: Any = client.xrevrange(key, newest, b"(" + down_to, count=count)
        for entry in _present(reply):
            yield from reversed(list(told([entry])))
        if len(reply) < count:
            return
        count = min(2 * count, COUNT)
        newest = b"(" + reply[-1][0]


def newest_id(client: redis.Redis, key: bytes) -> bytes:
    """Id of the last entry; ``0-0`` of an empty stream."""
    reply: Any = client.xrevrange(key, count=1)
    newest: bytes = reply[0][0] if reply else b"0-0"
    return newest


def oldest_if_trimmed(client: redis.Redis, key: bytes) -> bytes | None:
    """Id of the oldest entry that is left, if older ones were there; else None."""
    try:
        found: Any = client.xinfo_stream(key)
    except exceptions.ResponseError:
        return None  # no such stream (yet)
    first = found.get("first-entry")
    # Redis 6 does not count what was added, so there everything may have lost its beginning.
    trimmed = found.get("entries-added", found["length"] + 1) > found["length"]
    oldest: bytes | None = first[0] if first and trimmed else None
    return oldest


def order(stream_id: bytes) -> tuple[int, int]:
    """A stream id as what it sorts by."""
    ms, _, sequence = stream_id.partition(b"-")
    return int(ms), int(sequence or 0)


def _present(entries: Iterable[Any]) -> list[Entry]:
    return [(stream_id, fields or {}) for stream_id, fields in entries if stream_id is not None]
