"""What Redis holds of an app, read straight from its keys, and every way in which it contradicts itself."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from tests.meters import Meter
from tests.support import events_in
from workstreams.store import keys as module
from workstreams.store.keys import Keys

__all__ = ["Ledger"]

#: What those are called that hold slots outside of a job.
GUEST = module.GUEST.decode()
ENDED = ("done", "cancelled", "discarded")
#: Ends after which a job runs again.
AGAIN = ("retrying", "rate_limited", "reaped", "handed_back")
#: Totals, and the events of which each must have one.
TOTALS = {"sent": "sent", "done": "finished", "dead": "dead", "cancelled": "cancelled"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Workstream:
    """One workstream as it stands."""

    name: str
    jobs: Mapping[str, Mapping[str, str]]
    ready: Mapping[str, list[str]]
    running: frozenset[str]
    events: list[dict[str, str]]
    totals: Mapping[str, int]


class Ledger:
    """Reads one app.

    Parameters:
      client: A client that goes to the server directly.
      keys: The app's keys.
    """

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys
        #: The names of all its keys, as they were when one of the methods below was called.
        self._found: list[str] = []

    def workstreams(self) -> list[str]:
        """Every workstream that was published."""
        return sorted(name.decode() for name in self._client.smembers(self._keys.workstreams))

    def states(self, ws: str) -> Counter[str]:
        """How many jobs are in which state."""
        return Counter(job["state"] for job in self.jobs(ws).values())

    def jobs(self, ws: str) -> dict[str, Mapping[str, str]]:
        """The records of all jobs, by their ids."""
        self._look()
        return dict(self._jobs(ws))

    def events(self, ws: str) -> Counter[str]:
        """How many events there are of each name."""
        return Counter(event["e"] for event in events_in(self._client, self._keys.workstream(ws, "log")))

    def results(self, ws: str) -> int:
        """How many jobs left a result."""
        self._look()
        return len(self._names(self._keys.workstream(ws, "result", "")))

    def charged(self, limit: str) -> float:
        """What the rates of a limit were charged with in all; the windows must be longer than the test."""
        self._look()
        return sum(counted for _, counted in self._charges(limit))

    def problems(self) -> list[str]:
        """Everything that contradicts something else, one sentence each."""
        self._look()
        found = [self._read(name) for name in self.workstreams()]
        return [
            *(problem for ws in found for problem in self._of_places(ws)),
            *(problem for ws in found for problem in self._of_line(ws)),
            *(problem for ws in found for problem in _of_events(ws)),
            *self._of_leases(found),
            *self._of_sessions(found),
            *self._of_charges(found),
            *self._of_requests(),
        ]

    def left_over(self) -> list[str]:
        """The same, and whatever waits, is scheduled or runs."""
        unfinished = [
            f"{ws}: {number} {state}"
            for ws in self.workstreams()
            for state, number in self.states(ws).items()
            if state in ("waiting", "scheduled", "running")
        ]
        self._look()
        unexplained = [problem for ws in self.workstreams() for problem in _of_runs(self._read(ws))]
        return unfinished + unexplained + self.problems()

    def forget(self) -> None:
        """Delete the app: a server that many share is to stay small."""
        self._look()
        if self._found:
            self._client.unlink(*self._found)

    # Reading.

    def _look(self) -> None:
        # The braces are no pattern of SCAN's.
        pattern = self._keys.root.replace("[", "\\[") + "*"
        self._found = [name.decode() for name in self._client.scan_iter(match=pattern, count=5000)]

    def _read(self, name: str) -> _Workstream:
        key = self._keys.workstream
        ready = {
            found.removeprefix(key(name, "ready", "")): self._members(found)
            for found in self._names(key(name, "ready", ""))
        }
        jobs = self._jobs(name)
        totals = {what: int(n) for what, n in _texts(self._client.hgetall(key(name, "count"))).items()}
        # Who holds a slot outside of a job runs nothing.
        running = frozenset(one for one in self._members(key(name, "running")) if not one.startswith(GUEST))
        return _Workstream(name, jobs, ready, running, events_in(self._client, key(name, "log")), totals)

    def _jobs(self, ws: str) -> dict[str, dict[str, str]]:
        prefix = self._keys.workstream(ws, "job", "")
        names = self._names(prefix)
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(name)
        records = map(_texts, pipe.execute())
        return {name.removeprefix(prefix): record for name, record in zip(names, records, strict=True)}

    def _names(self, prefix: str, suffix: str = "") -> list[str]:
        return [name for name in self._found if name.startswith(prefix) and name.endswith(suffix)]

    def _members(self, key: str) -> list[str]:
        return [member.decode() for member in self._client.zrange(key, 0, -1)]

    def _held(self) -> dict[str, list[str]]:
        prefix = self._keys.held("")
        return {found.removeprefix(prefix): self._members(found) for found in self._names(prefix)}

    def _charges(self, limit: str) -> Iterator[tuple[float, float]]:
        """For each rate: the sum that its meter tells, and what its entries come to."""
        for found in self._names(self._keys.limit(limit, "meter", "")):
            stored: Any = self._client.get(found)
            meter = Meter.of(stored)
            yield meter.told, sum(cost for _, cost in meter.entries)

    # Contradictions.

    def _of_places(self, ws: _Workstream) -> Iterator[str]:
        """A job stands in exactly the index of its state."""
        places: dict[str, list[str]] = defaultdict(list)
        for ids in ws.ready.values():
            for job in ids:
                places[job].append("waiting")
        for member in ws.running:
            places[member.rpartition("~")[0]].append("running")
        for index, states in (("scheduled", ("scheduled",)), ("dead", ("dead",)), ("done", ENDED)):
            for job in self._members(self._keys.workstream(ws.name, index)):
                state = ws.jobs.get(job, {}).get("state", "gone")
                places[job].append(state if state in states else f"the index {index}")
        for job in ws.jobs.keys() | places.keys():
            state = ws.jobs.get(job, {}).get("state", "gone")
            if places[job] != [state]:
                yield f"{ws.name}/{job} is {state} and stands as {places[job]}"

    def _of_line(self, ws: _Workstream) -> Iterator[str]:
        counted = int(self._client.get(self._keys.workstream(ws.name, "waiting")) or 0)
        there = sum(map(len, ws.ready.values()))
        if counted != there:
            yield f"{ws.name}: {counted} are counted as waiting, {there} wait"
        keyed = set(self._members(self._keys.workstream(ws.name, "keys")))
        held = set(self._members(self._keys.workstream(ws.name, "held")))
        if keyed | (held & set(ws.ready)) != set(ws.ready):
            yield f"{ws.name}: the keys {keyed} have a turn, {held} are held, {set(ws.ready)} have jobs"
        if both := keyed & held:
            yield f"{ws.name}: the keys {both} have a turn and are held"

    def _of_leases(self, found: list[_Workstream]) -> Iterator[str]:
        """What runs is leased to one session, and holds a slot of each limit it was admitted under."""
        running = Counter(f"{ws.name}/{member}" for ws in found for member in ws.running)
        guests = set(self._members(self._keys.sessions))
        held = Counter(entry for entries in self._held().values() for entry in entries)
        if running != held:
            yield f"{dict(running - held)} run without a lease, {dict(held - running)} only have one"
        slots: dict[str, set[str]] = defaultdict(set)
        for ws in found:
            for member in ws.running:
                for limit in filter(None, ws.jobs[member.rpartition("~")[0]].get("took", "").split(",")):
                    slots[limit].add(member)
        for key in self._names(self._keys.limit(""), ":holders"):
            limit = key.removeprefix(self._keys.limit("")).removesuffix(":holders")
            holders = set(self._members(key))
            if dangling := {one for one in holders if one.startswith(GUEST)} - guests:
                yield f"{dangling} hold slots of {limit} and do not live"
            if holders - guests != slots[limit]:
                yield f"the slots of {limit} are held by {holders}, not by {slots[limit]}"

    def _of_sessions(self, found: list[_Workstream]) -> Iterator[str]:
        living = set(self._members(self._keys.sessions))
        prefix = self._keys.session("")
        hashes = {name.removeprefix(prefix) for name in self._names(prefix)}
        if hashes != living:
            yield f"the sessions {living} live, {hashes} have a record"
        if dangling := self._held().keys() - living:
            yield f"{dangling} hold leases and do not live"
        for ws in found:
            gate = _texts(self._client.hgetall(self._keys.workstream(ws.name, "gate")))
            sleepers = {*self._members(self._keys.workstream(ws.name, "sleepers")), gate.get("owner", "")}
            if dead := sleepers - living - {""}:
                yield f"{ws.name}: {dead} sleep and do not live"

    def _of_charges(self, found: list[_Workstream]) -> Iterator[str]:
        prefix, marker = self._keys.limit(""), ":meter:"
        for limit in {
            name.removeprefix(prefix).partition(marker)[0] for name in self._names(prefix) if marker in name
        }:
            for told, counted in self._charges(limit):
                if abs(told - counted) > 1e-6:
                    yield f"{limit} sums up {told} of {counted} in its log"

    def _of_requests(self) -> Iterator[str]:
        for key in self._names(f"{self._keys.root}request:"):
            if self._client.ttl(key) == -1:
                yield f"{key} never goes"


def _of_events(ws: _Workstream) -> Iterator[str]:
    """Each start, end and total has one event."""
    events = Counter(event["e"] for event in ws.events)
    for total, name in TOTALS.items():
        if (counted := ws.totals.get(total, 0)) != events[name]:
            yield f"{ws.name}: {counted} are counted as {total}, and {events[name]} events say so"
    if ws.totals.get("sent", 0) != len(ws.jobs):
        yield f"{ws.name}: {ws.totals.get('sent', 0)} were sent, and {len(ws.jobs)} are on record"
    started = Counter(event["j"] for event in ws.events if event["e"] == "started")
    for job, record in ws.jobs.items():
        if started[job] != (deliveries := int(record.get("deliveries", 0))):
            yield f"{ws.name}/{job} was delivered {deliveries} times and has {started[job]} starts"
    if ws.totals.get("started", 0) != sum(started.values()):
        yield f"{ws.name}: {ws.totals.get('started', 0)} starts are counted, {sum(started.values())} are told"


def _of_runs(ws: _Workstream) -> Iterator[str]:
    """Each delivery but the last ended as an event says."""
    ends = Counter(event["j"] for event in ws.events if event["e"] in AGAIN)
    for job, record in ws.jobs.items():
        deliveries = int(record.get("deliveries", 0))
        if record["state"] in ("done", "dead") and deliveries != 1 + ends[job]:
            yield f"{ws.name}/{job} was delivered {deliveries} times after {ends[job]} ends that call for it"


def _texts(fields: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
