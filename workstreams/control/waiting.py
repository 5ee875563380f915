"""Waits for a job's end: told by Redis, and looked for now and then should the word be lost."""

from __future__ import annotations

import time

import redis

from workstreams.errors import JobNotFound, JobTimeout
from workstreams.state import ENDED
from workstreams.state.decoding import text
from workstreams.store.client import redis_errors
from workstreams.store.link import Link
from workstreams.store.readable import readable
from workstreams.units import format_duration

__all__ = ["ended_channel", "wait_for_end"]

#: Seconds between two looks. An end that a sweep wrote is not told, and a word may be lost.
LOOK = 1.0


def ended_channel(link: Link, job_id: str) -> str:
    """Where the end of a job is told to those who wait for it."""
    return f"{link.keys.root}ended:{job_id}"


def wait_for_end(link: Link, workstream: str, job_id: str, timeout: int | None) -> str:
    """Wait until a job is done, dead, cancelled or discarded.

    Parameters:
      link: Where it is.
      workstream: Its workstream.
      job_id: The job.
      timeout: µs; None is for ever.

    Returns:
      The state in which it ended.

    Raises:
      JobTimeout: When it has not ended in time.
      JobNotFound: When no record of it is kept.
      RedisUnavailable: When Redis cannot be asked.
    """
    deadline = None if timeout is None else time.monotonic() + timeout / 1_000_000
    state = _look(link, workstream, job_id)
    if state in ENDED:
        return state
    with redis_errors(link.url), link.listener() as client, client.pubsub() as pubsub:
        # Subscribed before the next look: an end falls before the one or after the other.
        pubsub.subscribe(ended_channel(link, job_id))
        pubsub.get_message(timeout=LOOK)
        while (state := _look(link, workstream, job_id)) not in ENDED:
            left = LOOK if deadline is None else min(LOOK, deadline - time.monotonic())
            if left <= 0:
                raise JobTimeout(job_id, state, format_duration(timeout or 0))
            _hear(pubsub, left)
    return state


def _hear(pubsub: redis.client.PubSub, seconds: float) -> None:
    """Return at a message, or when the time is over."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        message = pubsub.get_message(timeout=left)
        if message is not None and message["type"] == "message":
            return


def _look(link: Link, workstream: str, job_id: str) -> str:
    with readable(link):
        state = text(link.scripts.run("job_await", {"workstream": workstream, "job": job_id}))
    if state == "gone":
        raise JobNotFound(job_id)
    return state
