"""What the scripts should do, in the plainest terms: where each job is, and who may start when."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable, Mapping

from tests.lua.limits import Bound, Cost, Log, PerKey, on
from tests.lua.rig import Given


@dataclasses.dataclass
class Work:
    """One job as it should be."""

    id: str
    ws: str
    key: str
    cost: Cost
    shift: int
    state: str
    score: int | None
    due: int = 0
    attempt: int = 0
    deliveries: int = 0
    crashes: int = 0
    lapses: int = 0
    started: int = 0
    holder: str = ""
    took: tuple[str, ...] = ()
    #: Whether it took a slot of its key.
    slotted: bool = False

    @property
    def member(self) -> str:
        return f"{self.id}~{self.deliveries}"

    def release(self) -> None:
        self.holder, self.took, self.slotted = "", (), False


class Oracle:
    """The whole model."""

    def __init__(self) -> None:
        self.bounds: dict[str, Bound] = {}
        self.within: dict[str, tuple[str, ...]] = {}
        self.per_key: dict[str, PerKey] = {}
        self.logs: defaultdict[str, Log] = defaultdict(Log)
        self.key_logs: defaultdict[tuple[str, str], Log] = defaultdict(Log)
        self.jobs: dict[str, Work] = {}

    # Settings.

    def publish(
        self,
        bounds: Mapping[str, Bound],
        within: Mapping[str, tuple[str, ...]],
        per_key: Mapping[str, PerKey],
        now: int,
    ) -> None:
        for name, bound in bounds.items():
            if name in self.bounds and self.bounds[name] != bound:
                self.logs[name].change(self.bounds[name], bound, now)
        for (ws, _), log in self.key_logs.items():
            before, after = self.per_key.get(ws, PerKey()), per_key.get(ws, PerKey())
            if before != after:
                log.change(before.bound, after.bound, now)
        self.bounds, self.within, self.per_key = dict(bounds), dict(within), dict(per_key)
        for job in self.jobs.values():
            if job.state == "running":
                self._take(job)

    def _take(self, job: Work) -> None:
        """What a running job holds: all that holds now, and what it took when less or other did."""
        job.took = tuple(dict.fromkeys((*job.took, *self.within[job.ws])))
        job.slotted = job.slotted or self.key_bound(job.ws, job.key).concurrency is not None

    def limits_of(self, ws: str) -> tuple[str, ...]:
        return (ws, *self.within[ws])

    def key_bound(self, ws: str, key: str) -> Bound:
        """The limit of one key; jobs without a key have none."""
        return self.per_key[ws].bound if key and ws in self.per_key else Bound()

    def weight(self, ws: str, key: str) -> float:
        return self.per_key[ws].weights.get(key, 1) if ws in self.per_key else 1

    # Where jobs are.

    def of(self, ws: str, state: str) -> list[Work]:
        return [job for job in self.jobs.values() if job.ws == ws and job.state == state]

    def held_by(self, sid: str) -> list[Work]:
        return [job for job in self.jobs.values() if job.state == "running" and job.holder == sid]

    def add(self, job_id: str, ws: str, key: str, cost: Cost, shift: int, now: int, due: int) -> None:
        later = due > now
        score = None if later else now + shift
        self.jobs[job_id] = Work(
            job_id, ws, key, cost, shift, "scheduled" if later else "waiting", score, due
        )

    def promote(self, ws: str, now: int) -> None:
        for job in self.of(ws, "scheduled"):
            if job.due <= now:
                job.state = "waiting"
                job.score = job.due + job.shift if job.score is None else job.score

    def heads(self, ws: str) -> list[Work]:
        """The job of each key that must start first."""
        first: dict[str, Work] = {}
        for job in sorted(self.of(ws, "waiting"), key=lambda job: (job.score, job.id)):
            first.setdefault(job.key, job)
        return list(first.values())

    # Admission.

    def holders(self, limit: str) -> int:
        own = sum(1 for job in self.jobs.values() if job.state == "running" and job.ws == limit)
        return own + sum(1 for job in self.jobs.values() if job.state == "running" and limit in job.took)

    def key_holders(self, ws: str, key: str) -> set[str]:
        return {job.member for job in self.of(ws, "running") if job.key == key and job.slotted}

    def slots(self, ws: str) -> float:
        rooms = [
            bound.concurrency - self.holders(name)
            for name in self.limits_of(ws)
            if (bound := self.bounds[name]).concurrency is not None
        ]
        return min(rooms, default=math.inf)

    def key_slots(self, ws: str, key: str) -> float:
        most = self.key_bound(ws, key).concurrency
        return math.inf if most is None else most - len(self.key_holders(ws, key))

    def latest(self, ws: str, cost: Cost, now: int) -> float:
        """When the limits of a workstream let this start at the latest, if nothing changes; inf: never."""
        if self.slots(ws) < 1:
            return math.inf
        return max(
            self.logs[name].latest(self.bounds[name], on(cost, name), now) for name in self.limits_of(ws)
        )

    def soonest(self, ws: str, cost: Cost, now: int) -> float:
        """When they let it start at the earliest, whoever ends meanwhile."""
        return max(
            self.logs[name].soonest(self.bounds[name], on(cost, name), now) for name in self.limits_of(ws)
        )

    def key_latest(self, job: Work, now: int, cost: Cost | None = None) -> float:
        """When the limits of a job's key let it start at the latest."""
        if self.key_slots(job.ws, job.key) < 1:
            return math.inf
        bound, need = self.key_bound(job.ws, job.key), on(job.cost if cost is None else cost, job.ws)
        return self.key_logs[job.ws, job.key].latest(bound, need, now)

    def key_soonest(self, job: Work, now: int) -> float:
        """When they let it start at the earliest, if none of its key ends."""
        if self.key_slots(job.ws, job.key) < 1:
            return math.inf
        bound = self.key_bound(job.ws, job.key)
        return self.key_logs[job.ws, job.key].soonest(bound, on(job.cost, job.ws), now)

    def admit(self, given: Given, sid: str) -> None:
        """Take note of a grant, after checking that it was right to give it."""
        job = self.jobs[given.id]
        assert job.ws == given.ws
        assert job.state == "waiting", f"{job} was given while it was not waiting"
        assert job in self.heads(given.ws), f"{job} was given before {self.heads(given.ws)}"
        assert self.slots(given.ws) >= 1, f"{job} was given over a concurrency"
        assert self.key_slots(given.ws, job.key) >= 1, f"{job} was given over its key's concurrency"
        own = self.key_bound(given.ws, job.key)
        job.state, job.holder, job.deliveries = "running", sid, job.deliveries + 1
        job.started = given.started
        self._take(job)
        assert (given.delivery, given.attempt, given.key) == (job.deliveries, job.attempt + 1, job.key)
        for name in self.limits_of(given.ws):
            self.logs[name].charge(given.started, on(job.cost, name), self.bounds[name])
        if own.rates or self.key_logs[job.ws, job.key].shut > given.started:
            self.key_logs[job.ws, job.key].charge(given.started, on(job.cost, job.ws), own)

    # Ends.

    def finish(self, given: Given, outcome: str, wait: int, scope: str, now: int) -> None:
        job = self.jobs[given.id]
        job.release()
        if scope:
            self._refuse(job, scope, now, now + wait)
            job.state, job.due = "waiting", 0
        elif outcome == "retry":
            job.state, job.due, job.score, job.attempt = "scheduled", now + wait, None, job.attempt + 1
        elif outcome in ("defer", "handback"):
            job.state, job.due = ("scheduled", now + wait) if wait else ("waiting", 0)
        else:
            job.state = {"done": "done", "dead": "dead", "discard": "discarded"}[outcome]

    def _refuse(self, job: Work, scope: str, now: int, until: int) -> None:
        """An upstream refused: nobody starts under that scope before, however short other waits are."""
        if scope == "key":
            self.key_logs[job.ws, job.key].refuse(Bound(), job.started, now, until)
        else:
            self.logs[scope].refuse(self.bounds[scope], job.started, now, until)

    def over(self, sid: str, blame: bool, most: int, lapsed: bool) -> None:
        """A session is over; with a suspect in it only that one is blamed."""
        held = self.held_by(sid)
        guilty = [job for job in held if job.crashes >= most - 1] or held
        assert len(guilty) == 1 or guilty is held, f"{guilty} were on their last chance in one process"
        for job in held:
            job.release()
            blamed = blame and job in guilty
            job.lapses += blamed and lapsed
            job.crashes += blamed and not lapsed
            too_often = job.lapses >= 3 * most if lapsed else job.crashes >= most
            job.state = "dead" if blamed and too_often else "waiting"

    def set_aside(self, ws: str, sid: str, most: int, now: int, is_scheduled: Callable[[str], bool]) -> None:
        """What was on its last chance made way, because another one is in that process."""
        if not any(job.crashes >= most - 1 for job in self.held_by(sid)):
            return
        for job in self.of(ws, "waiting"):
            if job.crashes >= most - 1 and is_scheduled(job.id):
                job.state, job.due = "scheduled", now + 500_000

    # What is to come.

    def dearest(self, ws: str, jobs: list[Work]) -> Cost:
        """What the dearest of these jobs costs, under each limit."""
        return {name: max((on(job.cost, name) for job in jobs), default=0) for name in self.limits_of(ws)}

    def next_start(self, ws: str, now: int) -> float:
        """When, at the latest, something may start if nothing happens; inf for no such time."""
        heads, later = self.heads(ws), self.of(ws, "scheduled")
        start = self.latest(ws, self.dearest(ws, heads), now)
        times = [max(start, self.key_latest(head, now)) for head in heads]
        everything = self.latest(ws, self.dearest(ws, heads + later), now)
        for job in later:
            ahead = [job, *(one for one in heads + later if one.key == job.key)]
            own = self.key_latest(job, now, self.dearest(ws, ahead))
            times.append(max(job.due, everything, own))
        return min(times, default=math.inf)
