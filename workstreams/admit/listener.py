"""Hears the wake-ups of one session, so that the exchange may sleep instead of polling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
import structlog

from workstreams.store.keys import Keys, wake_channel

__all__ = ["Listener"]

#: Seconds between attempts to subscribe again after the connection broke.
PAUSE = 0.2

#: Seconds one read may block: how soon a stopped listener ends, and how often the
#: connection is checked.
READ = 0.5

#: Seconds of silence after which the server is asked for a sign of life, and so many more until the
#: connection counts as dead: one that fell silent without an end would cost every wake-up and every cancel.
SILENCE = 1.5


class Listener(threading.Thread):
    """Subscribes to a session's channel and to everybody's.

    Parameters:
      connect: Makes a client whose reads may block.
      keys: The shard's keys.
      sid: The session.
      wake: Called with the workstream ("*" is every one) and the seconds to wait before
        asking, 0 for at once; also after every reconnect, since what was published
        meanwhile is lost.
      cancel: Called with ``workstream/id~delivery`` that is to stop.
      missed: Called whenever it is subscribed, to look for cancels that nobody heard.
    """

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        keys: Keys,
        sid: str,
        wake: Callable[[str, float], None],
        cancel: Callable[[str], None] = lambda _: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name="workstreams-listener", daemon=True)
        self._connect = connect
        self._channels = (wake_channel(keys.root, sid), wake_channel(keys.root, "all"))
        self._wake = wake
        self._cancel = cancel
        self._missed = missed
        # No event: whoever stops it may be interrupted while an event is locked, and it is then for ever.
        self._stopped = False
        self._log: Any = structlog.get_logger("workstreams")
        #: Set while subscribed: a sleeper is registered only by who can hear.
        self.ready = threading.Event()

    def run(self) -> None:
        while not self._stopped:
            try:
                self._listen()
            except redis.RedisError:
                self._rest()
            except Exception:
                # Without this thread nobody here would hear of work or of a cancel.
                self._log.exception("listening_failed")
                self._rest()

    def stop(self) -> None:
        """Stop listening; returns at once."""
        self._stopped = True

    def _rest(self) -> None:
        self.ready.clear()
        time.sleep(PAUSE)  # Redis is away: nothing will tell when it is back

    def _listen(self) -> None:
        with self._connect() as client, client.pubsub(ignore_subscribe_messages=False) as pubsub:
            pubsub.subscribe(*self._channels)
            heard_at, asked = time.monotonic(), False
            while not self._stopped:
                message = pubsub.get_message(timeout=READ)
                silent = time.monotonic() - heard_at
                if message is not None:
                    heard_at, asked = time.monotonic(), False
                    self._take(message)
                elif silent >= 2 * SILENCE:
                    raise redis.ConnectionError("the connection fell silent")
                elif silent >= SILENCE and not asked:
                    pubsub.ping()
                    asked = True

    def _take(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            # Also after a reconnect, which the client makes by itself.
            self.ready.set()
            self._wake("*", 0.0)
            self._missed()
        elif message["type"] == "message":
            self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        workstream, _, when = data.decode("utf-8", "replace").rpartition(" ")
        if when == "cancel":
            self._cancel(workstream)
            return
        self._wake(workstream, 0.0 if when == "now" else int(when) / 1_000_000 if when.isdigit() else 0.0)
