"""Keeps the numbers of Dramatiq's rate limiters and barriers in our store, each step in one script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import uuid4

from dramatiq.rate_limits import RateLimiterBackend

from workstreams.store.client import LISTENER_REPLY, redis_errors
from workstreams.store.link import Link
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["LimiterBackend"]

#: Seconds of one blocking read; a longer wait is made of several.
LONGEST_READ = LISTENER_REPLY / 2


class LimiterBackend(RateLimiterBackend):
    """A backend for ``ConcurrentRateLimiter`` and its kin, and for ``Barrier``.

    Dramatiq's own for Redis watches keys and begins again when they change, as often as it
    takes; here every step is one script.

    Parameters:
      broker: Whose server and namespace to use; asked at the first use.
    """

    def __init__(self, broker: WorkstreamBroker) -> None:
        self._broker = broker

    def add(self, key: str, value: int, ttl: int) -> bool:
        """Set a number if there is none; whether it was set."""
        return self._change("add", key, value, 0, ttl)

    def incr(self, key: str, amount: int, maximum: int, ttl: int) -> bool:
        """Add to a number unless that would exceed *maximum*; whether it was done."""
        return self._change("incr", key, amount, maximum, ttl)

    def decr(self, key: str, amount: int, minimum: int, ttl: int) -> bool:
        """Take from a number unless that would go below *minimum*; whether it was done."""
        return self._change("decr", key, amount, minimum, ttl)

    def incr_and_sum(
        self, key: str, keys: Callable[[], Sequence[str]], amount: int, maximum: int, ttl: int
    ) -> bool:
        """Add to a number unless the sum of several would exceed *maximum*; whether it was done."""
        return self._change("incr_and_sum", key, amount, maximum, ttl, keys())

    def wait(self, key: str, timeout: int | None) -> bool:
        """Wait for a notification.

        Parameters:
          key: Which.
          timeout: Milliseconds; None is for ever.

        Returns:
          Whether it came.
        """
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        link, events = self._link, self._key(key)
        with redis_errors(link.url), link.listener() as client:
            while True:
                left = LONGEST_READ if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                # Taken and put back, for whoever waits besides.
                if client.brpoplpush(events, events, cast(Any, round(min(left, LONGEST_READ), 3))):
                    return True

    def wait_notify(self, key: str, ttl: int) -> None:
        """Notify all who wait, and who will wait within *ttl* milliseconds."""
        link, events = self._link, self._key(key)
        with redis_errors(link.url):
            pipe = link.scripts.client.pipeline(transaction=True)
            pipe.rpush(events, b"x")
            pipe.pexpire(events, ttl)
            pipe.execute()

    @property
    def _link(self) -> Link:
        return self._broker.link

    def _key(self, key: str) -> str:
        return f"{self._link.keys.root}counter:{key}"

    def _change(self, op: str, key: str, amount: int, bound: int, ttl: int, keys: Sequence[str] = ()) -> bool:
        call = {"op": op, "key": key, "keys": list(keys), "amount": amount, "bound": bound, "ttl": ttl}
        link = self._link
        with redis_errors(link.url):
            return bool(link.scripts.run("counter", {**call, "request": uuid4().hex}))
