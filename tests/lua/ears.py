"""Hears what the scripts publish, as the listeners of sessions would."""

from __future__ import annotations

from collections.abc import Sequence

import redis

from workstreams.store.keys import Keys, wake_channel


class Ears:
    """Hears what the scripts publish to sessions."""

    def __init__(self, client: redis.Redis, keys: Keys, sids: Sequence[str]) -> None:
        self._root = keys.root
        self._end = f"{keys.root}test-end".encode()
        self._pubsub = client.pubsub()
        self._client = client
        self._sids: dict[bytes, str] = {}
        self._heard: list[tuple[str, str]] = []
        self._pubsub.subscribe(self._end)
        self._until("subscribe", self._end)
        for sid in ("all", *sids):
            self.add(sid)

    def add(self, sid: str) -> None:
        """Hear what is said to one more session."""
        channel = wake_channel(self._root, sid).encode()
        self._sids[channel] = sid
        self._pubsub.subscribe(channel)
        self._until("subscribe", channel)

    def remove(self, sid: str) -> None:
        """Be deaf to a session, as a process that died is."""
        channel = wake_channel(self._root, sid).encode()
        self._pubsub.unsubscribe(channel)
        self._until("unsubscribe", channel)

    def heard(self) -> list[tuple[str, str]]:
        """(session, message) since the last look."""
        # A message of our own comes after all that was published before it.
        self._client.publish(self._end, "end")
        self._until("message", self._end)
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        self._pubsub.close()

    def _until(self, kind: str, channel: bytes) -> None:
        while True:
            message = self._pubsub.get_message(timeout=5)
            if message is None:
                continue
            if message["type"] == kind and message["channel"] == channel:
                return
            if message["type"] == "message":
                self._heard.append((self._sids[message["channel"]], message["data"].decode()))
