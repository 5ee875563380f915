"""Ids of jobs from the indexes that the states have: pages from one end, never a scan of everything."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from workstreams.state.decoding import text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["INDEXES", "ids_of"]

#: The index of a workstream in which jobs of a state stand.
INDEXES = {
    "scheduled": "scheduled",
    "waiting": "keys",
    "running": "running",
    "done": "done",
    "cancelled": "done",
    "discarded": "done",
    "dead": "dead",
}

Scored = tuple[bytes, float]

#: Ids read in one go.
_PAGE = 100
#: Keys whose newest waiting job is looked at, and ids read of one key in one go.
_MOST_KEYS, _CHUNK = 5000, 20


def ids_of(
    link: Link, workstream: str, index: str, key: str | None = None, since: int | None = None
) -> Iterator[str]:
    """Ids of one index, newest first; scheduled ones those first that are due soonest.

    Parameters:
      link: Where they are.
      workstream: Whose index.
      index: A value of ``INDEXES``.
      key: Of waiting jobs only those of this key; the other indexes know no keys.
      since: µs since 1970; what started or ended before is left out.

    Yields:
      Ids; one may come twice while jobs move.
    """
    if index == "keys":
        yield from _waiting(link, workstream, key)
        return
    name, skip = link.keys.workstream(workstream, index), 0
    while True:
        with readable(link):
            page = _page(link, name, index, skip, since)
        for member in page:
            # Who holds a slot outside of a job has no delivery.
            job = text(member).rpartition("~")[0] if index == "running" else text(member)
            if job:
                yield job
        if len(page) < _PAGE:
            return
        skip += _PAGE


def _page(link: Link, name: str, index: str, skip: int, since: int | None) -> list[bytes]:
    client = link.scripts.client
    found: Any
    if index == "scheduled":
        found = client.zrange(name, skip, skip + _PAGE - 1)
    elif since is None:
        found = client.zrevrange(name, skip, skip + _PAGE - 1)
    else:
        found = client.zrevrangebyscore(name, "+inf", since, skip, _PAGE)
    return list(found)


def _waiting(link: Link, workstream: str, key: str | None) -> Iterator[str]:
    """Merges the sets of all keys; of each no more is read than turns out to be among the newest."""
    with readable(link):
        names = [key.encode()] if key is not None else _keys_of(link, workstream)
        heads = _heads(link, workstream, names)
    sets = [_of_key(link, _ready(link, workstream, name), head) for name, head in heads.items()]
    for member, _ in heapq.merge(*sets, key=lambda found: -found[1]):
        yield text(member)


def _of_key(link: Link, name: bytes, head: Scored) -> Iterator[Scored]:
    yield head
    read, chunk = 1, [head] * _CHUNK
    while len(chunk) == _CHUNK:
        with readable(link):
            found: Any = link.scripts.client.zrevrange(name, read, read + _CHUNK - 1, withscores=True)
        chunk = found
        yield from chunk
        read += _CHUNK


def _keys_of(link: Link, workstream: str) -> list[bytes]:
    found: Any = link.scripts.client.zrange(link.keys.workstream(workstream, "keys"), 0, _MOST_KEYS - 1)
    return list(found)


def _heads(link: Link, workstream: str, names: list[bytes]) -> dict[bytes, Scored]:
    pipe = link.scripts.client.pipeline(transaction=False)
    for name in names:
        pipe.zrevrange(_ready(link, workstream, name), 0, 0, withscores=True)
    return {name: reply[0] for name, reply in zip(names, pipe.execute(), strict=True) if reply}


def _ready(link: Link, workstream: str, key: bytes) -> bytes:
    # A key is the sender's text, byte for byte.
    return link.keys.workstream(workstream, "ready").encode() + b":" + key
