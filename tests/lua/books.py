"""Keeps the oracle's books beside the real scripts, and compares the two after every step."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import redis
from hypothesis.stateful import RuleBasedStateMachine

from tests.lua.ears import Ears
from tests.lua.fairness import Shares
from tests.lua.limits import ROUNDING, Bound, PerKey
from tests.lua.oracle import Oracle
from tests.lua.rig import SECOND, Answer, Given, Rig

#: "a" and "b" may share the limit "api"; "c" is by itself.
STREAMS = ("a", "b", "c")
LEASE = 3 * SECOND
MOST_DELIVERIES = 3

#: One end, as a history has it: outcome, µs to wait, whether a next step follows, and what a refusal shuts.
End: TypeAlias = tuple[str, int, bool, str]


class Books(RuleBasedStateMachine):
    """What a fleet did, and what it should have done.

    A test gives ``client``, ``folder`` and ``patches``.
    """

    client: redis.Redis
    folder: Path
    patches: tuple[tuple[str, str], ...] = ()
    #: Whether a time that was told too early, which only costs a call, is a failure.
    early_fails = True

    rig: Rig
    oracle: Oracle
    shares: Shares
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
        kept = tuple(new.get(rate.window, rate) for rate in before)
        return Bound(kept, bound.concurrency, bound.ease)

    def _publish(
        self,
        bounds: Mapping[str, Bound],
        sharing: tuple[str, ...],
        per_key: Mapping[str, PerKey],
        *,
        older: bool = False,
    ) -> None:
        within = {ws: ("api",) if ws in sharing else () for ws in STREAMS}
        settings = {ws: bounds[ws].written() | {"within": list(within[ws])} for ws in STREAMS}
        for ws, of_keys in per_key.items():
            settings[ws]["per_key"] = of_keys.written()
        version = f"1.{self.version - 1}" if older else f"1.{self.version + 1}"
        published = self.rig.publish(version, {"api": bounds["api"].written()}, **settings)
        if older:
            assert set(published.older) == {"api", *STREAMS}
            return
        self.version += 1
        self.oracle.publish(bounds, within, per_key, self.now)
        for ws in STREAMS:
            self.shares.forget(ws)

    def _exchange(
        self,
        sid: str,
        wants: Mapping[str, int],
        ends: list[tuple[Given, End]],
        *more: Any,
        leaving: bool = False,
        compare: bool = False,
    ) -> Answer | None:
        finishes, followups = [], []
        scopes = {given.id: self._scope(given, outcome, scope) for given, (outcome, _, _, scope) in ends}
        for given, (outcome, wait, follow, _) in ends:
            finish = given.end(outcome, **({"at": wait} if outcome in ("retry", "defer", "handback") else {}))
            finish |= {"scope": scopes[given.id]} if scopes[given.id] else {}
            if follow and outcome == "done":
                followups.append((f"f{given.id}", "b", wait))
                finish["next"] = [_followup(f"f{given.id}", "b", wait)]
            finishes.append(finish)
        held = [f"{given.ws}/{given.id}~{given.delivery}" for given in self.grants[sid].values()]
        told = {f"{given.ws}/{given.id}~{given.delivery}" for given, _ in ends}
        holds = sorted(set(held) - told) if compare else None
        # Two couriers in turn: what one of them is told must not depend on who was before.
        courier = 1 + self.rig.seqs[sid] % 2
        call = self.rig.call(sid, wants, [*finishes, *more], leaving=leaving, holds=holds, courier=courier)
        answer = self.rig.exchange(call)
        assert answer is not None, (
            f"{sid} was ended at {self.now} though its lease holds until {self.expiry[sid]}"
        )
        assert answer.gone == ()
        assert set(answer.refused) == set(range(len(finishes), len(call["finishes"])))
        self.last[sid] = (call, answer)
        for given, (outcome, wait, _, _) in ends:
            self._end_of(sid, given, outcome, wait, scopes[given.id])
        for name, ws, wait in followups:
            self.oracle.add(name, ws, "", 1, 0, answer.now, answer.now + wait if wait else 0)
        self._notice_swept()
        assert sid in self.expiry, "the caller was swept, and whatever it is given is lost"
        if leaving:
            self.left.add(sid)
            self.asks[sid].clear()
        self._check_answer(sid, wants, answer)
        self._look()
        self._hear()
        return answer

    def _scope(self, given: Given, outcome: str, scope: str) -> str:
        """What a refusal shuts: a shared limit only where the job was started under it."""
        if outcome != "defer" or (scope == "key" and not given.key):
            return ""
        if scope == "api" and "api" not in self.oracle.jobs[given.id].took:
            return ""
        return given.ws if scope == "workstream" else scope

    def _look(self) -> None:
        for ws in STREAMS:
            self.shares.look(ws, self.now)

    def _end_of(self, sid: str, given: Given, outcome: str, wait: int, scope: str) -> None:
        self.oracle.finish(given, outcome, wait, scope, self.now)
        del self.grants[sid][given.id]
        self.ended.append((sid, given))

    def _check_answer(self, sid: str, wants: Mapping[str, int], answer: Answer) -> None:
        for ws, n in wants.items():
            if answer.why[ws] != "lease":
                self.oracle.promote(ws, answer.now)
            granted = [given for given in answer.grants if given.ws == ws]
            self._note_set_aside(sid, ws, granted, answer)
            lapsed = self.expiry[sid] <= answer.now
            assert not (lapsed and granted), f"{sid} was given {granted} after its lease ran out"
            must = not lapsed and self._must_start(ws, answer.now)
            assert granted or not must, f"{ws} has work and every gate is open, but {sid} got none"
            assert len(granted) <= n
            self.shares.look(ws, answer.now)
            for given in granted:
                assert given.started == answer.now
                self.shares.start(ws, given.key)
                self.oracle.admit(given, sid)
                self.shares.look(ws, answer.now)
                self.grants[sid][given.id] = given
            self._note_told(sid, ws, n - len(granted), answer)

    def _must_start(self, ws: str, now: int) -> bool:
        """Whether the limits have room for the dearest head, and some key's own limits for its head."""
        heads = self.oracle.heads(ws)
        if not any(self.oracle.key_latest(head, now) <= now for head in heads):
            return False
        return self.oracle.latest(ws, self.oracle.dearest(ws, heads), now) <= now

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
        if self.early_fails and why in ("rate", "key") and wait >= 0:
            first = self._first_worth_asking(ws, why, answer.now)
            assert answer.now + wait >= first - ROUNDING, f"told {wait} µs for {ws}, too early by far"

    def _first_worth_asking(self, ws: str, why: str, now: int) -> float:
        """When something may start or join the line at the earliest."""
        heads = self.oracle.heads(ws)
        times: list[float] = [job.due for job in self.oracle.of(ws, "scheduled")]
        for head in heads:
            free = self.oracle.key_soonest(head, now)
            # One that may be held, or not, by the slack that there is.
            unsure = free <= now < self.oracle.key_latest(head, now)
            if unsure or free > now:
                times.append(free)
            if why == "rate":
                times.append(self.oracle.soonest(ws, head.cost, now))
        return min(times, default=now)

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

    def _hear(self) -> list[tuple[str, str]]:
        """Note wake-ups as the exchange does; returns them."""
        heard = self.ears.heard()
        for to, message in heard:
            name, _, when = message.rpartition(" ")
            at = self.now + (0 if when == "now" else int(when))
            for sid in self._askers() if to == "all" else [to]:
                for ws in STREAMS if name == "*" else [name]:
                    if ws in self.asks.get(sid, {}):
                        self.asks[sid][ws] = min(self.asks[sid][ws], at)
        return heard


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
