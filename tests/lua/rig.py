"""Drives the operations by hand: sends, asks, finishes, and a clock that stands still until told."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from tests.lua.ears import Ears
from tests.support import config_of, events_in
from workstreams.declare.publishing import Published, publish
from workstreams.store.keys import Keys
from workstreams.store.library import Library, library
from workstreams.store.scripts import Scripts

#: µs at which a frozen clock begins.
BEGIN = 1_700_000_000_000_000
SECOND = 1_000_000


class PatchedScripts(Scripts):
    """The operations with pieces of their text replaced, to prove that a test would see it.

    Parameters:
      patches: Pairs of what stands there, and what is to stand there instead.
    """

    def __init__(self, client: redis.Redis, keys: Keys, patches: Sequence[tuple[str, str]]) -> None:
        whole = library()
        text = whole.text.replace(whole.name, "<library>")
        self.found = {old for old, _ in patches if old in text}
        for old, new in patches:
            text = text.replace(old, new)
        super().__init__(client, keys, Library.of(text, whole.origin))


@dataclasses.dataclass(frozen=True)
class Given:
    """One grant."""

    ws: str
    id: str
    delivery: int
    body: bytes
    options: bytes
    attempt: int
    key: str
    started: int

    def end(self, outcome: str, **details: Any) -> dict[str, Any]:
        """The finish of this delivery."""
        needed: dict[str, Any] = {
            "retry": {"opts": "{}", "err": '{"type":"E"}', "x": "{}"},
            "defer": {"x": "{}"},
            "handback": {"x": "{}"},
            "dead": {"err": '{"type":"E"}'},
            "discard": {"err": '{"type":"Discard"}'},
        }.get(outcome, {})
        return {"w": self.ws, "i": self.id, "d": self.delivery, "o": outcome, **needed, **details}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an exchange said."""

    epoch: str
    now: int
    refused: tuple[int, ...]
    grants: tuple[Given, ...]
    why: Mapping[str, str]
    wait: Mapping[str, int]
    gone: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.grants]


def answer_of(reply: Sequence[Any]) -> Answer:
    """The reply of an exchange, read."""
    epoch, now, refused, grants, answers, gone = reply
    given = (
        Given(w.decode(), i.decode(), d, body, options, attempt, key.decode(), int(started))
        for w, i, d, body, options, attempt, key, started in grants
    )
    return Answer(
        epoch=epoch.decode(),
        now=int(now),
        refused=tuple(refused),
        grants=tuple(given),
        why={name.decode(): why.decode() for name, why, _ in answers},
        wait={name.decode(): int(wait) for name, _, wait in answers},
        gone=tuple(sorted(name.decode() for name in gone)),
    )


class Rig:
    """One app on a real server.

    Parameters:
      client: Any client.
      folder: For the configs it makes.
      scripts: Other scripts than the real ones.
    """

    def __init__(self, client: redis.Redis, folder: Path, patches: Sequence[tuple[str, str]] = ()) -> None:
        self.client = client
        self.folder = folder
        self.keys = Keys(f"r{uuid4().hex[:10]}")
        self.scripts = PatchedScripts(client, self.keys, patches) if patches else Scripts(client, self.keys)
        self.seqs: dict[str, int] = {}
        self.epoch = ""
        self._ids = itertools.count(1)

    # The clock.

    def freeze(self, at: int = BEGIN) -> None:
        """Let time stand still: TIME counts for nothing, and the mark says what time it is."""
        self.client.hset(self.keys.clock, mapping={"mark": at, "offset": -(10**16)})

    def advance(self, us: int) -> int:
        """Move a frozen clock on; returns the new time."""
        return int(self.client.hincrby(self.keys.clock, "mark", us))

    def shift(self, us: int) -> None:
        """Step the running clock of Redis, as the test kit does."""
        self.client.hincrby(self.keys.clock, "offset", us)

    @property
    def now(self) -> int:
        return int(self.client.hget(self.keys.clock, "mark") or 0)

    # The operations.

    def publish(
        self, version: str = "1", limits: Mapping[str, Any] | None = None, **workstreams: Any
    ) -> Published:
        """Publish a config."""
        config = config_of(
            self.keys.app, "redis://nowhere", self.folder, workstreams, limits, version=version
        )
        return publish(config, self.scripts, self.epoch)

    def send(
        self,
        ws: str,
        n: int = 1,
        *,
        ids: Sequence[str] | None = None,
        key: str = "",
        cost: float | str = 1,
        due: str = "",
        shift: int = 0,
        request: str | None = None,
    ) -> list[str]:
        """Send jobs; returns their ids."""
        ids = ids or [f"j{next(self._ids):05d}" for _ in range(n)]
        reply = self.send_words([(ws, one, key, shift, cost, due, "act", "{}", "{}") for one in ids], request)
        assert reply[0] == b"ok", reply
        return list(ids)

    def send_words(self, jobs: Sequence[Sequence[Any]], request: str | None = None) -> list[Any]:
        """Send jobs given in the script's words; returns the reply."""
        header = {"request": request or uuid4().hex, "epoch": self.epoch, "fresh": uuid4().hex}
        reply: list[Any] = self.scripts.run("send", header, [word for job in jobs for word in job])
        return reply

    def open(
        self,
        sid: str = "s1",
        *workstreams: str,
        lease: int = 3600 * SECOND,
        most: int = 3,
        watched: str = "1",
    ) -> str:
        """Open a session."""
        call = {
            "sid": sid,
            "lease": lease,
            "max_deliveries": most,
            "bounded": "0",
            "watched": watched,
            "worker": f"h:{sid}",
            "host": "h",
        }
        call |= {
            "pid": 1,
            "pool": "main",
            "workstreams": ",".join(workstreams),
            "epoch": self.epoch,
            "fresh": uuid4().hex,
        }
        self.scripts.run("open_session", call)
        self.seqs[sid] = 0
        return sid

    def call(
        self, sid: str, wants: Mapping[str, int] | None = None, finishes: Sequence[Any] = (), **more: Any
    ) -> dict[str, Any]:
        """The words of the next exchange of a session."""
        self.seqs[sid] += 1
        call = {
            "sid": sid,
            "worker": f"h:{sid}",
            "seq": self.seqs[sid],
            "epoch": self.epoch,
            "fresh": uuid4().hex,
        }
        call |= {
            "leaving": False,
            "finishes": list(finishes),
            "wants": [list(want) for want in (wants or {}).items()],
        }
        return call | more

    def exchange(self, call: Mapping[str, Any]) -> Answer | None:
        """Carry an exchange out; None when the session is lost."""
        reply = self.scripts.run("exchange", call)
        return None if reply[0] == b"lost" else answer_of(reply)

    def ask(self, sid: str, ws: str, n: int = 1, finishes: Sequence[Any] = ()) -> Answer:
        """Ask for one workstream."""
        answer = self.exchange(self.call(sid, {ws: n}, finishes))
        assert answer is not None, "the session is lost"
        return answer

    def tell(self, sid: str, *finishes: Mapping[str, Any]) -> Answer:
        """Only finish."""
        answer = self.exchange(self.call(sid, {}, finishes))
        assert answer is not None, "the session is lost"
        return answer

    def end(self, sid: str, *, blame: bool = True) -> int:
        """End a session; returns how many jobs were taken back."""
        taken = 0
        while True:
            call = {"sid": sid, "blame": blame, "why": "test", "epoch": self.epoch, "fresh": uuid4().hex}
            some, everything = self.scripts.run("end_session", call)
            taken += some
            if everything:
                return taken

    def renew(self, *sids: str, lease: int = 3600 * SECOND) -> list[Any]:
        """Renew leases; returns the reply."""
        call = {"sids": list(sids), "lease": lease, "epoch": self.epoch, "fresh": uuid4().hex}
        reply: list[Any] = self.scripts.run("renew", call)
        return reply

    # What stands in Redis.

    def job(self, ws: str, job_id: str) -> dict[str, str]:
        found = self.client.hgetall(self.keys.workstream(ws, "job", job_id))
        return {name.decode(): value.decode() for name, value in found.items()}

    def state(self, ws: str, job_id: str) -> str:
        return self.job(ws, job_id).get("state", "gone")

    def waiting(self, ws: str) -> int:
        return int(self.client.get(self.keys.workstream(ws, "waiting")) or 0)

    def running(self, ws: str) -> int:
        return int(self.client.zcard(self.keys.workstream(ws, "running")))

    def events(self, ws: str) -> list[tuple[str, str]]:
        """(event, job) in order."""
        return [(event["e"], event["j"]) for event in events_in(self.client, self.keys.workstream(ws, "log"))]

    def everything(self) -> dict[bytes, Any]:
        """Everything of this app but its clock's mark, to see that nothing was written."""
        dump = {}
        for key in self.client.scan_iter(match=self.keys.root.replace("[", "\\[") + "*", count=1000):
            if key != self.keys.clock.encode():
                dump[key] = self.client.dump(key)
        return dump

    def listen(self, *sids: str) -> Ears:
        """Subscribe as these sessions would."""
        return Ears(self.client, self.keys, sids)
