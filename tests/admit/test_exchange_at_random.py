"""Whatever Redis answers, and in whatever order: each grant ends once, nobody sleeps while there is work."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any, cast

import pytest
import redis

from tests.admit.fakes import Call, grant
from tests.support import wait_until
from workstreams.admit import asking, holdings
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.exchange import Exchange
from workstreams.admit.lane import Lane
from workstreams.admit.reports import Reports
from workstreams.admit.work_queue import WorkQueue
from workstreams.send.job import Job
from workstreams.store.scripts import Scripts

#: Threads, and whether slots are counted, of each workstream.
LANES = {"fast": (16, False), "wide": (8, False), "slots": (6, True), "rated": (4, False)}
SLOTS = 3
#: Seconds between two starts of what has a rate.
SPACING = 0.004


class Server:
    """Grants and wakes as the exchange script does, for one session, with delays and losses.

    Parameters:
      chance: What comes by chance.
      broken: How often a call, or its reply, is lost.
    """

    def __init__(self, chance: random.Random, broken: float) -> None:
        self.chance, self.broken = chance, broken
        self.waiting: Counter[str] = Counter()
        self.leases: set[str] = set()
        self.ended: Counter[str] = Counter()
        self.trouble: list[str] = []
        self.sleepers: set[str] = set()
        self.calls = self.most = self.now = 0
        self.wake: Any = None
        self.is_open = True
        self._answers: dict[int, tuple[int, list[Any]]] = {}
        self._number = 0
        self._opens_at = 0.0
        self._mutex = threading.Lock()

    def close(self) -> None:
        """There is no connection."""

    def send(self, ws: str, number: int) -> None:
        with self._mutex:
            self.waiting[ws] += number
            told = self._rouse(ws)
        self._tell(told)

    def lose(self) -> None:
        """The session's lease runs out: its jobs go back, and it hears of it."""
        with self._mutex:
            for lease in self.leases:
                self.waiting[lease.partition("/")[0]] += 1
            self.leases.clear()
            self.sleepers.clear()
            self._answers.clear()
            self.is_open = False
        self._tell(["*"])

    def run(self, _operation: str, call: Call, _words: Any = ()) -> list[Any]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            self._travel()
            with self._mutex:
                answer, told = self._execute(call)
            self._tell(told)
            self._travel()
            return answer
        finally:
            self.now -= 1

    def _travel(self) -> None:
        time.sleep(self.chance.choice((0.0, 0.0, 0.0002, 0.001, 0.004)))  # the way to the server and back
        if self.chance.random() < self.broken:
            raise redis.ConnectionError("gone")

    def _tell(self, names: list[str]) -> None:
        for name in names:
            self.wake(name, 0.0)

    def _rouse(self, ws: str) -> list[str]:
        if ws not in self.sleepers:
            return []
        self.sleepers.remove(ws)
        return [ws]

    def _execute(self, call: Call) -> tuple[list[Any], list[str]]:
        self.calls += 1
        if not self.is_open:
            return [b"lost", b"epoch"], []
        seq, answer = self._answers.get(call["courier"], (0, []))
        if seq == call["seq"]:
            return answer, []
        assert call["seq"] > seq
        refused = [n for n, finish in enumerate(call["finishes"]) if not self._end(finish)]
        gone = self._compare(call["holds"]) if call["holds"] is not None else []
        if call["leaving"]:
            self.sleepers.clear()
        grants: list[Any] = []
        answers = [self._turn(name, number, grants) for name, number in call["wants"]]
        asked = {name for name, _ in call["wants"]}
        freed = {finish["w"] for finish in call["finishes"]} - asked
        told = [name for ws in sorted(freed) if self.waiting[ws] for name in self._rouse(ws)]
        answer = [b"epoch", b"1", refused, grants, answers, gone]
        self._answers[call["courier"]] = (call["seq"], answer)
        return answer, told

    def _end(self, finish: dict[str, Any]) -> bool:
        lease = f"{finish['w']}/{finish['i']}~{finish['d']}"
        if lease not in self.leases:
            return False
        self.leases.remove(lease)
        if finish["o"] == "handback":
            self.waiting[finish["w"]] += 1
        else:
            self.ended[finish["w"]] += 1
        return True

    def _compare(self, holds: list[str]) -> list[bytes]:
        self.trouble += [f"{lease} is not held" for lease in self.leases - set(holds)]
        return [lease.encode() for lease in sorted(set(holds) - self.leases)]

    def _turn(self, ws: str, asked: int, grants: list[Any]) -> list[Any]:
        free, why, wait = self.waiting[ws], b"empty", -1
        if ws == "slots" and (slots := SLOTS - sum(one.startswith(ws) for one in self.leases)) < free:
            free, why = slots, b"concurrency"
        if ws == "rated" and free and (left := self._opens_at - time.monotonic()) > -SPACING * (free - 1):
            free, why = 0 if left > 0 else 1, b"rate"
            self._opens_at = max(self._opens_at, time.monotonic()) + (SPACING if free else 0)
            wait = round(max(0.0, self._opens_at - time.monotonic()) * 1_000_000)
        given = min(asked, free)
        for _ in range(given):
            self._number += 1
            self.waiting[ws] -= 1
            self.leases.add(f"{ws}/j{self._number}~1")
            grants.append(grant(f"j{self._number}", ws))
        if given == asked:
            self.sleepers.discard(ws)
            return [ws.encode(), b"", -1]
        self.sleepers.add(ws)
        return [ws.encode(), why, wait]


class Process:
    """A worker process over such a server."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self._chance = server, random.Random(seed)
        self.queue = WorkQueue()
        self.lanes = {
            name: Lane(name, threads, scarce, None, self.queue, 2 * (name == "wide"))
            for name, (threads, scarce) in LANES.items()
        }
        self.refused: list[Any] = []
        self.gone: list[str] = []
        self.losses = 0
        reports = Reports(
            self.refused.append, self._lost, lambda: None, lambda _: None, self.gone.append, lambda: None
        )
        scripts = cast(Scripts, server)
        self.exchange = Exchange(
            scripts, "s1", "h:1", self.lanes, self.queue, self._deliver, reports, "epoch"
        )
        server.wake = self.exchange.wake
        self._over = threading.Event()
        number = sum(threads for threads, _ in LANES.values())
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()
        self.exchange.start()

    def _lost(self) -> bool:
        self.losses += 1
        time.sleep(self._chance.choice((0.0, 0.005)))  # a session takes a while to open
        self.server.is_open = True
        return True

    def _deliver(self, given: Grant) -> Delivery:
        return Delivery(Job(given.workstream, "act", (), {}, {}, message_id=given.job_id), given)

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                delivery = self.queue.get(timeout=0.1)
            except Exception:
                continue
            if self._chance.random() < 0.3:
                time.sleep(self._chance.choice((0.0, 0.0005, 0.003)))  # the job
            lane = self.lanes[delivery.grant.workstream]
            lane.leave()
            self.exchange.finish(lane, delivery.finish("done"), urgent=self._chance.random() < 0.1)
            self.queue.task_done()

    def stop(self) -> None:
        """In order, as Dramatiq does it."""
        self.exchange.drain()
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        assert self.exchange.close(10)
        assert {(lane.busy, lane.asked) for lane in self.lanes.values()} == {(0, 0)}
        assert self.exchange.untold == 0
        assert not self.server.leases
        assert not self.server.sleepers, "who has left sleeps for nothing"


@pytest.mark.parametrize("losing", [False, True], ids=["its session holds", "its session is lost at times"])
@pytest.mark.parametrize("broken", [0.0, 0.02])
@pytest.mark.parametrize("seed", range(2))
def test_all_ends_once_and_nobody_sleeps_while_there_is_work(
    seed: int, broken: float, losing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "RETRY", 0.005)
    monkeypatch.setattr(holdings, "COMPARE", 0.03)
    chance = random.Random(seed)
    server = Server(chance, broken)
    process = Process(server, seed)
    sent: Counter[str] = Counter()
    for _ in range(8):
        for _ in range(chance.randrange(1, 8)):
            name = chance.choice([*LANES, "fast"])
            number = chance.choice((1, 3, 20, 200)) if name in ("fast", "wide") else chance.choice((1, 4, 12))
            sent[name] += number
            server.send(name, number)
            time.sleep(chance.choice((0.0, 0.001, 0.01)))  # between two sends
        if losing and chance.random() < 0.4:
            server.lose()
        # Less than the time after which a sleeper would look by itself.
        wait_until(lambda: server.ended == sent, 6.0)
    for name in LANES:
        sent[name] += 30
        server.send(name, 30)
    process.stop()
    assert server.ended + server.waiting == sent
    assert server.trouble == []
    assert server.most == 2, "there were never two calls at once"
    if not losing:
        assert (process.refused, process.gone) == ([], [])
