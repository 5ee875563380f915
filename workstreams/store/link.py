"""Where an app's Redis is, and the operations on it; nothing connects before the first call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis

from workstreams.store.client import listener_client, producer_client, worker_client
from workstreams.store.keys import Keys
from workstreams.store.scripts import Scripts

__all__ = ["Link"]


class Link:
    """One app's way to its server.

    Parameters:
      url: Returns the server's URL; asked once, at the first call, since an embedded
        server is found by what stands in its folder at that time.
      keys: The app's keys.

    Attributes:
      epoch: The data set as it was last seen, "" before: what a sender knew of another server, or of
        another app, would pass for a loss of data here, and shut every rate for a window.
    """

    def __init__(self, url: Callable[[], str], keys: Keys) -> None:
        self.keys = keys
        self.epoch = ""
        self._find = url
        self._url: str | None = None
        self._scripts: Scripts | None = None
        self._mutex = threading.Lock()

    @property
    def url(self) -> str:
        """The server's URL.

        Raises:
          NothingRunsHere: When it is to be an embedded server and none is up.
        """
        if self._url is None:
            self._url = self._find()
        return self._url

    @property
    def scripts(self) -> Scripts:
        """The operations, over a client that fails fast."""
        with self._mutex:
            if self._scripts is None:
                self._scripts = Scripts(producer_client(self.url), self.keys)
            return self._scripts

    def patient_scripts(self) -> Scripts:
        """The operations, over a new client that waits longer: for workers and supervisors."""
        return Scripts(worker_client(self.url), self.keys)

    def listener(self) -> redis.Redis:
        """A new client for blocking reads and subscriptions."""
        return listener_client(self.url)

    def close(self) -> None:
        """Close what was opened; the link may be used again."""
        with self._mutex:
            if self._scripts is not None:
                self._scripts.close()
                self._scripts = None
            self._url = None
