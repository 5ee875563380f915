"""What holds after every step of a history: the oracle beside what stands in Redis."""

from __future__ import annotations

import math

from hypothesis.stateful import invariant

from tests.lua.books import STREAMS, Books
from tests.lua.limits import ROUNDING

#: µs that a told time may be late.
TOLERANCE = 1_000
#: Keys that jobs may have.
KEYS = ("k", "m")
#: ms that a meter of a second may live.
_METER_LIVES = 62_000


class Watch(Books):
    """The invariants."""

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
        self._check_turns(ws, names)
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

    def _check_turns(self, ws: str, names: set[str]) -> None:
        """A key with ready jobs has its turn, or is held for as long as its own limits say; never both."""
        listed = self._members(self.rig.keys.workstream(ws, "keys"))
        held = self._held(ws)
        assert not listed & set(held), f"{ws}: {listed} take turns, and {held} are held"
        assert listed | set(held) == names
        for head in self.oracle.heads(ws):
            until = held.get(head.key, 0)
            latest = self.oracle.key_latest(head, self.now)
            assert until <= max(latest, self.now) + ROUNDING, f"{ws}: {head.key} is held until {until}"
        if not names:
            assert not self.client.exists(self.rig.keys.workstream(ws, "idle")), "shares outlive their line"

    @invariant()
    def slots_of_keys_are_those_of_running_jobs(self) -> None:
        """And of a key without any, and without a job, nothing is left but meters that expire."""
        for ws in STREAMS:
            for key in KEYS:
                places = [self.rig.keys.workstream(ws, place, key) for place in ("holders", "meter:1000000")]
                assert self._members(places[0]) == self.oracle.key_holders(ws, key)
                assert self.client.pttl(places[1]) == -2 or 0 < self.client.pttl(places[1]) <= _METER_LIVES

    def _held(self, ws: str) -> dict[str, float]:
        found = self.client.zrange(self.rig.keys.workstream(ws, "held"), 0, -1, withscores=True)
        return {key.decode(): at for key, at in found}

    def _members(self, key: str) -> set[str]:
        return {member.decode() for member in self.client.zrange(key, 0, -1)}
