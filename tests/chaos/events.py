"""Brings the system's own events out of Redis into a file beside the other logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import redis

from tests.chaos.history import Event
from tests.chaos.notes import Notes
from workstreams.log.lines import event_of as parts_of
from workstreams.log.streams import told
from workstreams.store.keys import Keys

__all__ = ["collect"]

AT_ONCE = 5_000


def collect(client: redis.Redis, keys: Keys, workstreams: tuple[str, ...], path: Path) -> None:
    """Write every event of these workstreams to a file, one JSON object a line."""
    notes = Notes(path)
    for name in workstreams:
        for page in _pages(client, keys.workstream(name, "log")):
            events = [event_of(name, entry, fields) for entry, _, fields in told(page) if b"p" in fields]
            notes.write_many([orjson.dumps(event).decode()] for event in events)
    notes.close()


def _pages(client: redis.Redis, stream: str) -> Iterator[list[tuple[bytes, dict[bytes, bytes]]]]:
    first = "-"
    while True:
        found = client.xrange(stream, min=first, count=AT_ONCE)
        page = cast("list[tuple[bytes, dict[bytes, bytes]]]", found)
        if not page:
            return
        yield page
        first = "(" + page[-1][0].decode()


def event_of(workstream: str, entry: bytes, fields: Mapping[bytes, bytes]) -> Event:
    """Read one entry of a stream."""
    text = {part.decode(): value.decode("utf-8", "replace") for part, value in parts_of(fields).items()}
    more: dict[str, Any] = orjson.loads(text["x"]) if text.get("x") else {}
    if text.get("n"):
        more["attempt"] = int(text["n"])
    _, _, pid = text.get("w", "").rpartition(":")
    taken = int(entry.partition(b"-")[0]) * 1000
    return Event(workstream, taken, text["e"], int(text["t"]), text.get("j", ""), int(pid or 0), more)
