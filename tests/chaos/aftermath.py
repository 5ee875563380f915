"""What follows the faults: the rest of the work drains, and what Redis knows is written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import orjson
import redis
from redis.client import Pipeline

from tests.chaos.events import collect
from tests.chaos.project import AFTER, APP, CALLS, SCHEDULE, TICKS
from tests.chaos.server import Server
from tests.chaos.settings import Settings
from workstreams.store.keys import Keys

__all__ = ["Aftermath"]

#: Seconds without a single end after which what is left counts as lost, beside those of the longest
#: window of a rate: it may be used up.
STALL, LONGEST_WINDOW = 45.0, 120.0

#: Seconds between two looks.
LOOK = 0.1

#: µs between two ticks.
SECOND = 1_000_000

ENDED = ("done", "dead", "cancelled", "discarded")


class Aftermath:
    """Looks at Redis directly, past the proxy.

    Parameters:
      server: The server.
      settings: Its rates tell how long nothing may start.
      keep: Called while it waits: starts again what ended.
    """

    def __init__(self, server: Server, settings: Settings, keep: Callable[[], None]) -> None:
        self._server, self._keep = server, keep
        windows = [rate.window / 1_000_000 for rate in settings.limits]
        self._patience = STALL + min(LONGEST_WINDOW, max(windows))
        self._keys = Keys(APP)

    def workers(self) -> int:
        """How many worker processes have a session."""
        with self._server.client() as client:
            return int(client.zcard(self._keys.sessions))

    def is_done(self, *names: str) -> bool:
        """Whether nothing of these waits, is scheduled or runs; while Redis is away nobody can say so."""
        try:
            return not self._sum(names, self._unfinished)
        except redis.RedisError:
            return False

    def drain(self, *names: str) -> None:
        """Wait until nothing of these waits, is scheduled or runs, as long as something still ends."""
        ends, since = -1, time.monotonic()
        while self._sum(names, self._unfinished) and time.monotonic() - since < self._patience:
            self._keep()
            if (now := self._sum(names, self._ended)) != ends:
                ends, since = now, time.monotonic()
            time.sleep(LOOK)  # until the next look

    def await_ticks(self, until: int) -> None:
        """Wait until every tick up to then (µs) is decided; one that is not is for the judge."""
        deadline = time.monotonic() + STALL
        while self._mark() < until - SECOND and time.monotonic() < deadline:
            self._keep()
            time.sleep(LOOK)  # until the next look

    def write_down(self, folder: Path) -> None:
        """Bring the events, and the jobs that have not ended, into the session's folder."""
        with self._server.client() as client:
            collect(client, self._keys, (CALLS, AFTER, TICKS), folder / "events.log")
            late = client.hget(self._keys.workstream(CALLS, "count"), "late")
            end = {"late": int(late or 0), "left": self._left(client)}
        (folder / "end.json").write_bytes(orjson.dumps(end))

    def _mark(self) -> int:
        with self._server.client() as client:
            return int(client.hget(f"{self._keys.root}schedule:{SCHEDULE}", "mark") or 0)

    def _sum(self, names: tuple[str, ...], asked: Callable[[str, Pipeline], None]) -> int:
        with self._server.client() as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                asked(name, pipe)
            return sum(int(count or 0) for count in pipe.execute())

    def _unfinished(self, name: str, pipe: Pipeline) -> None:
        pipe.get(self._keys.workstream(name, "waiting"))
        pipe.zcard(self._keys.workstream(name, "scheduled"))
        pipe.zcard(self._keys.workstream(name, "running"))

    def _ended(self, name: str, pipe: Pipeline) -> None:
        for what in ("done", "dead"):
            pipe.hget(self._keys.workstream(name, "count"), what)

    def _left(self, client: redis.Redis) -> dict[str, str]:
        left: dict[str, str] = {}
        for key in client.scan_iter(self._keys.workstream("*", "job", "*"), count=1000):
            state = _text(client.hget(key, "state") or b"?")
            if state not in ENDED:
                left[_text(key).rpartition(":")[2]] = state
        return left


def _text(found: bytes | str) -> str:
    return found if isinstance(found, str) else found.decode()
