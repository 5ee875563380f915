"""Drives the scripts directly, many calls in one go, so that the server never waits for the next one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import redis

from tests.lua.rig import Answer, Rig, answer_of
from workstreams.store.scripts import Scripts

__all__ = ["exchanges", "fill"]

#: Jobs of one send.
CHUNK = 250


def exchanges(rig: Rig, calls: Sequence[Mapping[str, Any]], advance: int = 0) -> list[Answer]:
    """Carry out calls one after the other.

    Parameters:
      rig: The app.
      calls: What the exchanges say.
      advance: µs by which the clock is put forward after each, beside what goes by. (Not its mark: what the
        operations remember from call to call would be forgotten, which nothing does to them in service.)
    """
    pipe = rig.client.pipeline(transaction=False)
    scripts = Scripts(cast(redis.Redis, pipe), rig.keys)
    for call in calls:
        scripts.run("exchange", call)
        pipe.hincrby(rig.keys.clock, "offset", advance)
    return [answer_of(reply) for reply in pipe.execute()[::2]]


def fill(rig: Rig, ws: str, keys: Iterable[str]) -> int:
    """Send one job for each of these keys, in this order; once an app. Returns how many that were."""
    words = ((ws, f"j{n:07d}", key, 0, 1, "", "act", "{}", "{}") for n, key in enumerate(keys))
    sent = 0
    while some := list(itertools.islice(words, CHUNK)):
        assert rig.send_words(some)[0] == b"ok"
        sent += len(some)
    return sent
