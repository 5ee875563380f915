"""Keeps the leases of the blocks that are open in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakMethod

import redis
import structlog

from workstreams.admit.apart import apart
from workstreams.admit.sessions import Sessions
from workstreams.store.client import lease_client
from workstreams.store.link import Link
from workstreams.store.scripts import Scripts

__all__ = ["Keeper"]

#: Seconds before another try after a failed renewal.
RETRY = 0.25


class Keeper:
    """Renews leases every third of their time, from a thread that lives while there are any.

    Parameters:
      link: Where they are; renewals have a connection of their own.
      lease: µs for which they hold.
    """

    def __init__(self, link: Link, lease: int) -> None:
        self.lease = lease
        self._link = link
        # A condition's own "with" is Python, in which an interrupt may leave it locked for ever.
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._kept: dict[str, WeakMethod[Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None
        self._log: Any = structlog.get_logger("workstreams")

    def keep(self, sid: str, lost: Callable[[], None]) -> None:
        """Renew a lease from now on.

        Parameters:
          sid: Whose it is; it has just begun.
          lost: A method, called, once, if it is found to be over all the same. Nothing is renewed for an
            object that is gone: a block may be interrupted where it cannot say any more that it is left.
        """
        with self._mutex:
            self._kept[sid] = WeakMethod(lost)
            runs = self._thread is not None
        if not runs:
            apart(self._begin)

    def drop(self, sid: str) -> None:
        """Renew it no longer; what a renewal under way says of it is not told."""
        with self._mutex:
            self._kept.pop(sid, None)
            if not self._kept:
                self._changed.notify()

    def _begin(self) -> None:
        with self._mutex:
            if self._thread is None and self._kept:
                thread = threading.Thread(target=self._run, name="workstreams-limits", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        client: redis.Redis | None = None
        pause = third = self.lease / 3_000_000
        while sids := self._rest(pause):
            try:
                # Few blocks last as long as this, so few need a connection.
                client = client or lease_client(self._link.url, self.lease)
                self._renew(client, sids)
                pause = third
            except redis.RedisError:
                pause = min(RETRY, third)
            except Exception:
                # Without this thread others would get the slots of blocks that are still open.
                self._log.exception("renewal_failed")
                pause = min(RETRY, third)
        if client is not None:
            client.close()

    def _rest(self, pause: float) -> Sequence[str]:
        """Wait, and return what is to be renewed then; nothing as soon as nothing is left."""
        with self._mutex:
            self._changed.wait_for(lambda: not self._kept, pause)
            self._kept = {sid: lost for sid, lost in self._kept.items() if lost() is not None}
            if not self._kept:
                self._thread = None
            return list(self._kept)

    def _renew(self, client: redis.Redis, sids: Sequence[str]) -> None:
        renewal = Sessions(Scripts(client, self._link.keys)).renew(sids, self.lease)
        for sid in renewal.lost:
            with self._mutex:
                found = self._kept.pop(sid, None)
            lost = found and found()
            if lost is not None:
                lost()
