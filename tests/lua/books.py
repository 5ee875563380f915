"""Keeps the oracle's books beside the real scripts, and compares the two after every step."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.lua.ears import Ears
from tests.lua.oracle import Bound, Oracle
from tests.lua.rig import SECOND, Answer, Given, Rig

#: "a" and "b" may share the limit "api"; "c" is by itself.
STREAMS = ("a", "b", "c")
LEASE = 3 * SECOND
MOST_DELIVERIES = 3
#: µs that a told time may be late.
TOLERANCE = 1_000
#: µs that a told time may be early: each start rounds the next to a whole one.
ROUNDING = 50


class Books(RuleBasedStateMachine):
    """What a fleet did, what it should have done, and what holds after every step.

    A test gives ``client``, ``folder`` and ``patches``.
    """

    client: redis.Redis
    folder: Path
    patches: tuple[tuple[str, str], ...] = ()
    #: Whether a time that was told too early, which only costs a call, is a failure.
    early_fails = True

    rig: Rig
    oracle: Oracle
    version: int
    #: session → µs at which its lease runs out.
    expiry: dict[str, int]
    #: session → workstream → when it will ask; only where it has threads to spare.
    asks: defaultdict[str, dict[str, float]]
    grants: dict[str, dict[str, Given]]
    ended: list[tuple[str, Given]]
    last: dict[str, tuple[dict[str, Any], Answer]]
    left: set[str]
    ears: Ears

    def teardown(self) -> None:
        if hasattr(self, "ears"):
            self.ears.close()

    @property
    def now(self) -> int:
        return self.rig.now

    # How it is done.

    def _askers(self) -> list[str]:
        return sorted(sid for sid in self.expiry if sid not in self.left)

    def _busy(self) -> list[str]:
        return [sid for sid in self._askers() if self.grants[sid]]

    def _open(self) -> None:
        sid = self.rig.open(f"s{len(self.rig.seqs)}", *STREAMS, lease=LEASE, most=MOST_DELIVERIES)
        self.ears.add(sid)
        self.expiry[sid], self.grants[sid] = self.now + LEASE, {}
        # A process asks for everything when it has just begun.
        self.asks[sid] = dict.fromkeys(STREAMS, float(self.now))

    def _with_windows(self, name: str, bound: Bound) -> Bound:
        before = self.oracle.bounds[name].rates
        new = {rate.window: rate for rate in bound.rates}
        return Bound(tuple(new.get(rate.window, rate) for rate in before), bound.concurrency)

    def _publish(self, bounds: Mapping[str, Bound], sharing: tuple[str, ...], *, older: bool = False) -> None:
        within = {ws: ("api",) if ws in sharing else () for ws in STREAMS}
        settings = {ws: bounds[ws].written() | {"within": list(within[ws])} for ws in STREAMS}
        version = f"1.{self.version - 1}" if older else f"1.{self.version + 1}"
        published = self.rig.publish(version, {"api": bounds["api"].written()}, **settings)
        if older:
            assert set(published.older) == {"api", *STREAMS}
            return
        self.version += 1
        self.oracle.publish(bounds, within)

    def _exchange(
        self,
        sid: str,
        wants: Mapping[str, int],
        ends: list[Any],
        *more: Any,
        leaving: bool = False,
        compare: bool = False,
    ) -> Answer | None:
        finishes, followups = [], []
        for given, (outcome, wait, follow) in ends:
            finish = given.end(outcome, **({"at": wait} if outcome in ("retry", "defer", "handback") else {}))
            if follow and outcome == "done":
                followups.append((f"f{given.id}", "b", wait))
                finish["next"] = [_followup(f"f{given.id}", "b", wait)]
            finishes.append(finish)
        held = [f"{given.ws}/{given.id}~{given.delivery}" for given in self.grants[sid].values()]
        told = {f"{given.ws}/{given.id}~{given.delivery}" for given, _ in ends}
        holds = sorted(set(held) - told) if compare else None
        call = self.rig.call(sid, wants, [*finishes, *more], leaving=leaving, holds=holds)
        answer = self.rig.exchange(call)
        assert answer is not None, (
            f"{sid} was ended at {self.now} though its lease holds until {self.expiry[sid]}"
        )
        assert answer.gone == ()
        assert set(answer.refused) == set(range(len(finishes), len(call["finishes"])))
        self.last[sid] = (call, answer)
        for given, (outcome, wait, _) in ends:
            self._end_of(sid, given, outcome, wait)
        for name, ws, wait in followups:
            self.oracle.add(name, ws, "", 1, 0, answer.now, answer.now + wait if wait else 0)
        self._notice_swept()
        assert sid in self.expiry, "the caller was swept, and whatever it is given is lost"
        if leaving:
            self.left.add(sid)
            self.asks[sid].clear()
        self._check_answer(sid, wants, answer)
        self._hear()
        return answer

    def _end_of(self, sid: str, given: Given, outcome: str, wait: int) -> None:
        self.oracle.finish(given, outcome, wait, self.now)
        del self.grants[sid][given.id]
        self.ended.append((sid, given))

    def _check_answer(self, sid: str, wants: Mapping[str, int], answer: Answer) -> None:
        for ws, n in wants.items():
            if answer.why[ws] != "lease":
                self.oracle.promote(ws, answer.now)
            granted = [given for given in answer.grants if given.ws == ws]
            self._note_set_aside(sid, ws, granted, answer)
            heads = self.oracle.heads(ws)
            dearest = max((head.cost for head in heads), default=0)
            lapsed = self.expiry[sid] <= answer.now
            assert not (lapsed and granted), f"{sid} was given {granted} after its lease ran out"
            must = heads and not lapsed and self.oracle.earliest(ws, dearest, answer.now) <= answer.now
            assert granted or not must, f"{ws} has {heads} and every gate is open, but {sid} got none"
            assert len(granted) <= n
            for given in granted:
                assert given.started == answer.now
                self.oracle.admit(given, sid)
                self.grants[sid][given.id] = given
            self._note_told(sid, ws, n - len(granted), answer)

    def _note_set_aside(self, sid: str, ws: str, granted: Sequence[Given], answer: Answer) -> None:
        given = {one.id for one in granted}
        chances = [
            job for job in map(self.oracle.jobs.get, given) if job and job.crashes >= MOST_DELIVERIES - 1
        ]
        held = self.oracle.held_by(sid)
        assert len(chances) + sum(job.crashes >= MOST_DELIVERIES - 1 for job in held) <= 1
        for job in chances:
            job.state, job.holder = "running", sid
        self.oracle.set_aside(
            ws, sid, MOST_DELIVERIES, answer.now, lambda one: self.rig.state(ws, one) == "scheduled"
        )
        for job in chances:
            job.state, job.holder = "waiting", ""

    def _note_told(self, sid: str, ws: str, idle: int, answer: Answer) -> None:
        self.asks[sid].pop(ws, None)
        why, wait = answer.why[ws], answer.wait[ws]
        if why == "lease":
            # It asks again as soon as it may have been renewed.
            assert self.expiry[sid] <= answer.now
            self.asks[sid][ws] = answer.now
            return
        assert wait >= -1, f"{sid} is told to wait {wait} µs for {ws}"
        if idle == 0:
            return
        self.asks[sid][ws] = answer.now + wait if wait >= 0 else math.inf
        heads = self.oracle.heads(ws)
        assert why or not heads or wait == 0
        assert wait != 0 or heads, "told to ask again at once though nothing is ready"
        if self.early_fails and why == "rate" and wait >= 0:
            dues = [job.due for job in self.oracle.of(ws, "scheduled")]
            soonest = self.oracle.soonest(ws, min(head.cost for head in heads), answer.now)
            assert answer.now + wait >= min([soonest, *dues]) - ROUNDING, f"told {wait} µs, too early by far"

    def _notice_swept(self) -> None:
        """What the scripts swept must have run out; at least one goes, and the caller never does."""
        standing = {sid.decode() for sid in self.client.zrange(self.rig.keys.sessions, 0, -1)}
        for sid in sorted(set(self.expiry) - standing):
            assert self.expiry[sid] <= self.now, f"{sid} was swept before its lease ran out"
            self.ears.remove(sid)
            self._gone(sid, blame=True, lapsed=True)
            self._open()

    def _gone(self, sid: str, blame: bool, *, lapsed: bool = False) -> None:
        self.oracle.over(sid, blame, MOST_DELIVERIES, lapsed)
        self.ended += [(sid, given) for given in self.grants.pop(sid).values()]
        del self.expiry[sid]
        self.asks.pop(sid, None)
        self.last.pop(sid, None)

    def _hear(self) -> None:
        """Note wake-ups as the exchange does."""
        for to, message in self.ears.heard():
            name, _, when = message.rpartition(" ")
            at = self.now + (0 if when == "now" else int(when))
            for sid in self._askers() if to == "all" else [to]:
                for ws in STREAMS if name == "*" else [name]:
                    if ws in self.asks.get(sid, {}):
                        self.asks[sid][ws] = min(self.asks[sid][ws], at)

    # What holds after every step.

    @invariant()
    def somebody_comes_in_time(self) -> None:
        """Whatever may start finds a process that asks by then, if any has threads to spare."""
        for ws in STREAMS:
            times = [self.asks[sid][ws] for sid in self._askers() if ws in self.asks[sid]]
            start = self.oracle.next_start(ws, self.now)
            if times and start < math.inf:
                late = min(times) - max(start, self.now)
                assert late <= TOLERANCE, (
                    f"{ws}: work may start at {start}, the first to ask comes {late} µs later"
                )

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every job is where it should be, exactly once."""
        for ws in STREAMS:
            self._check_stream(ws)
        held = {sid: {f"{job.ws}/{job.member}" for job in self.oracle.held_by(sid)} for sid in self.expiry}
        for sid, members in held.items():
            assert self._members(self.rig.keys.held(sid)) == members
        taken = {
            job.member for job in self.oracle.jobs.values() if job.state == "running" and "api" in job.took
        }
        assert self._members(self.rig.keys.limit("api", "holders")) == taken

    def _check_stream(self, ws: str) -> None:
        keys, waiting = self.rig.keys, self.oracle.of(ws, "waiting")
        assert self.rig.waiting(ws) == len(waiting)
        names = {job.key for job in waiting}
        assert self._members(keys.workstream(ws, "keys")) == names
        for name in names:
            ready = self.client.zrange(keys.workstream(ws, "ready", name), 0, -1, withscores=True)
            mine = {(job.id.encode(), float(job.score or 0)) for job in waiting if job.key == name}
            assert set(ready) == mine
        for state in ("scheduled", "dead"):
            assert self._members(keys.workstream(ws, state)) == {job.id for job in self.oracle.of(ws, state)}
        running = {job.member for job in self.oracle.of(ws, "running")}
        assert self._members(keys.workstream(ws, "running")) == running
        ended = {job.id for state in ("done", "discarded") for job in self.oracle.of(ws, state)}
        assert self._members(keys.workstream(ws, "done")) == ended

    def _members(self, key: str) -> set[str]:
        return {member.decode() for member in self.client.zrange(key, 0, -1)}


def _followup(name: str, ws: str, wait: int) -> dict[str, Any]:
    due = f"+{wait}" if wait else ""
    return {
        "w": ws,
        "i": name,
        "k": "",
        "shift": 0,
        "cost": 1,
        "due": due,
        "actor": "act",
        "body": "{}",
        "opts": "{}",
    }
