"""One app seen from two sides: by hand on its server, and through a proxy that loses what it is told to."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import redis

from tests.lua.rig import Rig
from tests.promises.ledger import Ledger
from tests.promises.proxy import Fate, LossyProxy
from tests.support import config_of, wait_until
from workstreams.app import build_broker
from workstreams.declare.config import Config
from workstreams.errors import RedisUnavailable
from workstreams.store.client import worker_client
from workstreams.store.link import Link
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Scene", "scene"]

Act = Callable[[], Any]


class Scene:
    """Where one call is lost.

    Parameters:
      folder: For the proxy's socket and the configs.
      server_url: The server.
      fate: What becomes of the call that is lost.
      times: So many in a row.
    """

    def __init__(self, folder: Path, server_url: str, fate: Fate, times: int = 1) -> None:
        self.fate, self._times = fate, times
        self.proxy = LossyProxy(folder, Path(server_url.removeprefix("unix://")))
        self._client = worker_client(server_url)
        self.rig = Rig(self._client, folder)
        self.ledger = Ledger(self._client, self.rig.keys)
        #: The way past the proxy.
        self.direct = Link(lambda: server_url, self.rig.keys)
        self.broker: WorkstreamBroker = self.configure(mail=None)

    @property
    def config(self) -> Config:
        """What was published last."""
        return self.broker.config

    @property
    def link(self) -> Link:
        """The way through the proxy."""
        return self.broker.link

    def configure(
        self, limits: Mapping[str, Any] | None = None, schedules: Any = None, **workstreams: Any
    ) -> WorkstreamBroker:
        """Declare other workstreams, and publish them past the proxy."""
        more = {"schedules": schedules} if schedules else {}
        app, folder = self.rig.keys.app, self.rig.folder
        self.broker = build_broker(
            config_of(app, self.proxy.url, folder, workstreams, limits, version="1", **more)
        )
        self.rig.publish(limits=limits, **workstreams)
        return self.broker

    def lose(
        self, operation: str, act: Act, *, number: int = 1, again: bool = True, returns: Any = mock.ANY
    ) -> None:
        """Do something while one call of it is lost, and make sure that it was.

        Parameters:
          operation: Whose call.
          act: What to do.
          number: Which of its calls.
          again: Whether whoever is told that Redis did not answer does the same again.
          returns: What it must return where it was not told so.
        """
        self.lose_in_passing(operation, number)
        told = _is_told(act, returns)
        assert self.proxy.lost == self._times, "nothing was lost, so nothing is shown"
        assert told == (self.fate == "silence"), "only silence may be told, and must be"
        if told and again:
            act()
        if self.fate == "late":
            self.deliver_late()

    def lose_in_passing(self, operation: str, number: int) -> None:
        """Lose so-many-th call of an operation, whoever makes it."""
        self.proxy.lose(operation, number, self.fate, self._times)

    def deliver_late(self) -> None:
        """Let the copy arrive, long after its call was answered: it must change nothing."""
        before = self._everything()
        self.proxy.deliver_late()
        assert self._everything() == before

    def _everything(self) -> dict[bytes, Any]:
        # A session may be opened or renewed once more; who is on record there is the ledger's to look at.
        sessions = self.rig.keys.session("").removesuffix(":").encode()
        return {key: value for key, value in self.rig.everything().items() if not key.startswith(sessions)}

    def expect(self, ws: str = "mail", **states: int) -> None:
        """So many jobs are in these states and no others, and nothing contradicts anything."""
        assert self.ledger.states(ws) == Counter(states)
        assert self.ledger.problems() == []

    def expect_events(self, ws: str = "mail", **events: int) -> None:
        """There are so many events of these names."""
        found = self.ledger.events(ws)
        assert {name: found[name] for name in events} == events

    def wait_until_away(self, ws: str) -> None:
        """Wait until nothing of a workstream waits, is scheduled or runs."""
        unfinished = ("waiting", "scheduled", "running")
        wait_until(lambda: not any(self.ledger.states(ws)[state] for state in unfinished), 15)

    def close(self) -> None:
        """Delete the app, and close every connection."""
        self.ledger.forget()
        self.broker.close()
        self.direct.close()
        self._client.close()
        self.proxy.close()


def _is_told(act: Act, returns: Any) -> bool:
    """Whether it says that Redis did not answer; if not, it must return that."""
    try:
        assert act() == returns
    except (RedisUnavailable, redis.TimeoutError):
        return True
    return False


@contextmanager
def scene(server_url: str, fate: Fate, times: int = 1) -> Iterator[Scene]:
    """A scene in a folder of its own, whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="wsp"))
    made = Scene(folder, server_url, fate, times)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
