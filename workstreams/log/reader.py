"""Reads many streams forwards, in one order, through outages of Redis."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import redis
from redis import exceptions

from workstreams.log.lines import line_of, notice, ordered, stamp, stream_time
from workstreams.log.merge import Arrived, Merge
from workstreams.log.position import HOLD, Position, entry_before, position_of
from workstreams.log.streams import (
    COUNT,
    LEAST,
    Entry,
    Homes,
    Source,
    Told,
    backwards,
    forwards,
    newest_id,
    oldest_if_trimmed,
    order,
    server_us,
    told,
)
from workstreams.log.wanted import Wanted
from workstreams.store.failures import redis_errors

__all__ = ["Line", "Reader", "Request"]

#: ms of one blocking read; a client's socket timeout must be longer.
BLOCK = 4000
#: Seconds between two looks for workstreams that are new, and between two attempts to reach Redis.
REFRESH, MIN_PAUSE, MAX_PAUSE = 5.0, 0.1, 1.0
#: Seconds without a read after which trimming is looked for.
UNWATCHED = 1.0

_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.MasterDownError)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line that was read.

    Attributes:
      id: A cursor: ``follow(after=line.id)`` goes on behind this line, in whatever streams.
      values: The ten fields in their order, then the rest.
    """

    id: str
    values: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """The values with the cursor behind them, as ``tail --json`` prints them."""
        mine = {"cursor": self.id}
        return {f"{name}_" if name in mine else name: value for name, value in self.values.items()} | mine


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What one call of ``follow`` asks for.

    Attributes:
      names: Workstreams; None for all.
      wanted: The filter.
      endless: Whether to wait for more when all is read.
      after: The place of the last line seen before.
      start: µs since 1970 before which nothing needs to be read; None if nothing says so.
      since: µs since 1970 of the oldest line to show.
      last: How many lines of the backlog to show; None for all of them.
    """

    names: tuple[str, ...] | None
    wanted: Wanted
    endless: bool
    after: Position | None
    start: int | None
    since: int
    last: int | None


class Reader:
    """One call of ``follow``.

    Parameters:
      client: Where the streams are.
      homes: Under which keys.
      request: What is asked for.
    """

    def __init__(self, client: redis.Redis, homes: Homes, request: Request) -> None:
        self._client, self._homes, self._request = client, homes, request
        self._sources: dict[bytes, Source] = {}
        self._merge = Merge()
        self._cursor = Position(0)
        self._begun = 0
        self._read_at = self._read_to = self._looked = 0.0

    def lines(self) -> Iterator[Line]:
        """The lines, in order; ends only if the request is not endless."""
        with redis_errors():
            self._begin()
            gaps = self._gaps_at_the_beginning()
        yield from gaps
        pause = MIN_PAUSE
        while self._sources:
            try:
                gaps = self._read()
            except _AWAY as error:
                pause = self._wait_for_redis(error, pause)
                continue
            pause = MIN_PAUSE
            yield from gaps
            yield from self._released()
            if not self._request.endless and not self._behind():
                yield from map(self._shown, self._merge.release_all())
                return

    def _begin(self) -> None:
        self._begun = server_us(self._client)
        self._cursor = self._request.after or Position(max(self._first_time(), 0))
        names = self._request.names
        for name in self._homes.names(self._client) if names is None else names:
            source = self._homes.source(name)
            source.last = self._first_place(source)
            self._sources[source.key] = source
        self._looked = self._read_to = time.monotonic()
        if self._request.last is not None:
            self._take_last(self._request.last)

    def _begins_now(self) -> bool:
        return self._request.start is None and self._request.endless and self._request.last is None

    def _first_time(self) -> int:
        """µs before which no line of this reader stands."""
        return self._begun - 2 * HOLD if self._begins_now() else self._request.start or 0

    def _first_place(self, source: Source) -> bytes:
        return newest_id(self._client, source.key) if self._begins_now() else entry_before(self._first_time())

    def _take_last(self, most: int) -> None:
        for source in self._sources.values():
            newest = newest_id(self._client, source.key)
            if most and order(newest) > order(source.last):
                self._take_from_the_end(source, newest, most)
            source.last, source.behind = max(source.last, newest, key=order), False
        self._merge.keep_last(most)

    def _take_from_the_end(self, source: Source, newest: bytes, most: int) -> None:
        found, oldest = 0, 0
        for one in backwards(self._client, source.key, newest, source.last):
            # Lines that arrived shortly before the last ones may stand among them.
            if found >= most and stream_time(one[0]) < oldest - 2 * HOLD:
                return
            if self._take(source, one):
                found += 1
                oldest = stream_time(one[0]) if found == most else oldest

    def _read(self) -> list[Line]:
        """Read what comes next; returns the gaps before it."""
        self._refresh()
        chosen = self._chosen()
        gaps = [
            gap for source in chosen if self._is_at_risk(source) for gap in self._gap(source, source.last)
        ]
        read_at = time.monotonic()
        count = max(COUNT // max(len(chosen), 1), LEAST)
        replies = forwards(self._client, chosen, count, self._block_ms(read_at))
        for source in chosen:
            self._take_all(source, replies.get(source.key, []), count)
        self._read_at, self._read_to = read_at, time.monotonic()
        return gaps

    def _is_at_risk(self, source: Source) -> bool:
        """Whether lines may have been trimmed since the last read: when that left some, or is a while ago."""
        return source.left_some or time.monotonic() - self._read_to > UNWATCHED

    def _take_all(self, source: Source, entries: list[Entry], count: int) -> None:
        for one in told(entries):
            self._take(source, one)
        if entries:
            source.last = entries[-1][0]
        ended = not self._request.endless and source.time > self._begun
        source.left_some = source.behind = len(entries) >= count and not ended

    def _chosen(self) -> list[Source]:
        """All streams, but those that are so far ahead of the others that their lines would only pile up."""
        slowest = min((source.time for source in self._sources.values() if source.behind), default=0)
        return [
            source
            for source in self._sources.values()
            if not source.behind or source.time <= slowest or self._merge.held(source.name) < COUNT
        ]

    def _block_ms(self, now: float) -> int | None:
        if not self._request.endless or self._behind():
            return None
        settled = self._merge.next_settled()
        left = BLOCK if settled is None else min(BLOCK, int((settled - now) * 1000) + 1)
        return left if left > 0 else None

    def _refresh(self) -> None:
        if self._request.names is not None or time.monotonic() - self._looked < REFRESH:
            return
        for name in self._homes.names(self._client):
            source = self._homes.source(name, entry_before(self._begun))
            self._sources.setdefault(source.key, source)
        self._looked = time.monotonic()

    def _behind(self) -> bool:
        return any(source.behind for source in self._sources.values())

    def _take(self, source: Source, one: Told) -> bool:
        """Hold a line for its turn; False if it is not wanted."""
        stream_id, nth, fields = one
        arrived = stream_time(stream_id)
        if not self._request.wanted.entry(fields) or (not self._request.endless and arrived > self._begun):
            return False
        line = line_of(stream_id, fields, self._homes.keys.app, source.name)
        position = position_of(stream_id, nth, line["ts"], source.name)
        if not self._is_new(position) or not self._request.wanted.line(line):
            return False
        old = arrived + HOLD <= self._begun
        self._merge.add(Arrived(position, 0.0 if old else time.monotonic() + HOLD / 1_000_000, line))
        return True

    def _is_new(self, position: Position) -> bool:
        after = self._request.after
        return position.time >= self._request.since and (after is None or position > after)

    def _released(self) -> Iterator[Line]:
        behind = [source.time - HOLD for source in self._sources.values() if source.behind]
        return map(self._shown, self._merge.release(self._read_at, min(behind) if behind else None))

    def _shown(self, arrived: Arrived) -> Line:
        # After a step back of a clock a line may come late; the cursor stays, or others would come twice.
        self._cursor = max(self._cursor, arrived.position)
        return Line(str(self._cursor), arrived.line)

    def _gaps_at_the_beginning(self) -> list[Line]:
        after = self._request.after
        if after is None:
            return []
        place = b"%d-%d" % (after.ms, after.sequence)
        return [gap for source in self._sources.values() for gap in self._gap(source, place)]

    def _gap(self, source: Source, place: bytes) -> list[Line]:
        oldest = oldest_if_trimmed(self._client, source.key)
        if oldest is None or order(oldest) <= order(place):
            return []
        fields = {
            "app": self._homes.keys.app,
            "workstream": source.name or None,
            "why": "lines were trimmed before they were read",
            "since": stamp(stream_time(place)),
            "until": stamp(stream_time(oldest)),
        }
        return [Line(str(self._cursor), ordered(notice("gap", fields)))]

    def _wait_for_redis(self, error: Exception, pause: float) -> float:
        if not self._request.endless:
            with redis_errors():
                raise error
        self._read_to = 0.0
        time.sleep(pause)  # Redis is away: nothing will tell when it is back
        return min(2 * pause, MAX_PAUSE)
