"""What the scripts should do, in the plainest terms: lists of what was admitted, and sets of leases."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.lua.rig import Given

#: µs by which a spaced start may come early: the pacing slack is at most this.
SLACK = 5_000


@dataclasses.dataclass(frozen=True)
class Rate:
    """One rate in force: ``permits`` in any ``window`` µs, at most ``burst`` (0: any) at one instant."""

    permits: int
    window: int
    burst: int = 0

    @property
    def margin(self) -> int:
        return min(self.window // 100, 20_000)

    @property
    def span(self) -> int:
        return self.window + self.margin

    @property
    def interval(self) -> float:
        return self.span / self.permits

    @property
    def bursting(self) -> bool:
        return 0 < self.burst < self.permits

    def written(self) -> dict[str, object]:
        """As a config has it."""
        burst = {"burst": self.burst} if self.burst else {}
        return {"rate": f"{self.permits}/{self.window // 1_000_000}s", **burst}


@dataclasses.dataclass(frozen=True)
class Bound:
    """One limit in force."""

    rates: tuple[Rate, ...] = ()
    concurrency: int | None = None

    def written(self) -> dict[str, object]:
        """As a config has it."""
        rate: dict[str, object] = {"rate": [one.written() for one in self.rates]} if self.rates else {}
        return rate | ({"concurrency": self.concurrency} if self.concurrency else {})


@dataclasses.dataclass
class Work:
    """One job as it should be."""

    id: str
    ws: str
    key: str
    cost: float
    shift: int
    state: str
    score: int | None
    due: int = 0
    attempt: int = 0
    deliveries: int = 0
    crashes: int = 0
    lapses: int = 0
    holder: str = ""
    took: tuple[str, ...] = ()

    @property
    def member(self) -> str:
        return f"{self.id}~{self.deliveries}"


class Log:
    """Everything a limit ever admitted, with the strictest spacing that would be right."""

    def __init__(self) -> None:
        self.admitted: list[tuple[int, float]] = []
        self.changed = 0
        self._spacing: dict[int, float] = {}

    def charge(self, at: int, cost: float, rates: Iterable[Rate]) -> None:
        self.admitted.append((at, cost))
        for rate in rates:
            if rate.bursting:
                self._spacing[rate.window] = max(self._spacing.get(rate.window, 0), at) + cost * rate.interval

    def used(self, after: float) -> float:
        """Costs admitted later than *after*."""
        return sum(cost for at, cost in self.admitted if at > after)

    def at_instant(self, at: int) -> list[float]:
        """Costs admitted at this very µs under the settings in force."""
        return [cost for when, cost in self.admitted[self.changed :] if when == at]

    def log_time(self, rate: Rate, cost: float, now: int) -> int:
        """The first µs from *now* at which the window has room for *cost*."""
        moments = sorted({now, *(at + rate.span for at, _ in self.admitted if at + rate.span > now)})
        return next(t for t in moments if self.used(t - rate.span) + cost <= rate.permits + 1e-9)

    def spacing_time(self, rate: Rate, cost: float) -> float:
        """The first µs at which starts are spaced without any slack."""
        if not rate.bursting:
            return 0
        return self._spacing.get(rate.window, 0) + (min(cost, rate.burst) - rate.burst) * rate.interval


class Oracle:
    """The whole model."""

    def __init__(self) -> None:
        self.bounds: dict[str, Bound] = {}
        self.within: dict[str, tuple[str, ...]] = {}
        self.logs: defaultdict[str, Log] = defaultdict(Log)
        self.jobs: dict[str, Work] = {}

    # Settings.

    def publish(self, bounds: Mapping[str, Bound], within: Mapping[str, tuple[str, ...]]) -> None:
        for name, bound in bounds.items():
            if self.bounds.get(name) != bound:
                self.logs[name].changed = len(self.logs[name].admitted)
        self.bounds, self.within = dict(bounds), dict(within)

    def limits_of(self, ws: str) -> tuple[str, ...]:
        return (ws, *self.within[ws])

    # Where jobs are.

    def of(self, ws: str, state: str) -> list[Work]:
        return [job for job in self.jobs.values() if job.ws == ws and job.state == state]

    def held_by(self, sid: str) -> list[Work]:
        return [job for job in self.jobs.values() if job.state == "running" and job.holder == sid]

    def add(self, job_id: str, ws: str, key: str, cost: float, shift: int, now: int, due: int) -> None:
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

    def slots(self, ws: str) -> float:
        rooms = [
            bound.concurrency - self.holders(name)
            for name in self.limits_of(ws)
            if (bound := self.bounds[name]).concurrency is not None
        ]
        return min(rooms, default=math.inf)

    def earliest(self, ws: str, cost: float, now: int) -> float:
        """When a job of this cost may start at the latest, if nothing changes; inf if no time can be told."""
        if self.slots(ws) < 1:
            return math.inf
        times: list[float] = [now]
        for name in self.limits_of(ws):
            for rate in self.bounds[name].rates:
                if cost > rate.permits:
                    return math.inf
                times += [self.logs[name].log_time(rate, cost, now), self.logs[name].spacing_time(rate, cost)]
        return max(times)

    def soonest(self, ws: str, cost: float, now: int) -> float:
        """When a job of this cost may start at the earliest, with all the slack there is."""
        times: list[float] = [now]
        for name in self.limits_of(ws):
            for rate in self.bounds[name].rates:
                slack = min(rate.interval / 4, SLACK)
                times += [self.logs[name].log_time(rate, min(cost, rate.permits), now)]
                times += [self.logs[name].spacing_time(rate, cost) - slack]
        return max(times)

    def admit(self, given: Given, sid: str) -> None:
        """Take note of a grant, after checking that it was right to give it."""
        job = self.jobs[given.id]
        assert job.ws == given.ws
        assert job.state == "waiting", f"{job} was given while it was not waiting"
        assert job in self.heads(given.ws), f"{job} was given before {self.heads(given.ws)}"
        assert self.slots(given.ws) >= 1, f"{job} was given over a concurrency"
        job.state, job.holder, job.deliveries = "running", sid, job.deliveries + 1
        job.took = self.within[given.ws]
        assert (given.delivery, given.attempt, given.key) == (job.deliveries, job.attempt + 1, job.key)
        for name in self.limits_of(given.ws):
            self._charge(name, given.started, job.cost)

    def _charge(self, name: str, at: int, cost: float) -> None:
        log, bound = self.logs[name], self.bounds[name]
        log.charge(at, cost, bound.rates)
        for rate in bound.rates:
            used = log.used(at - rate.span)
            assert used <= rate.permits + 1e-9, (
                f"{used} admitted under {rate} of {name} at {at}: {log.admitted}"
            )
            if rate.bursting:
                costs = log.at_instant(at)
                dear = len(costs) == 1
                assert dear or sum(costs) <= rate.burst + 1e-9, (
                    f"{costs} at one instant under {rate} of {name}"
                )

    # Ends.

    def finish(self, given: Given, outcome: str, wait: int, now: int) -> None:
        job = self.jobs[given.id]
        job.holder, job.took = "", ()
        if outcome == "retry":
            job.state, job.due, job.score, job.attempt = "scheduled", now + wait, None, job.attempt + 1
        elif outcome in ("defer", "handback"):
            job.state, job.due = ("scheduled", now + wait) if wait else ("waiting", 0)
        else:
            job.state = {"done": "done", "dead": "dead", "discard": "discarded"}[outcome]

    def over(self, sid: str, blame: bool, most: int, lapsed: bool) -> None:
        """A session is over; with a suspect in it only that one is blamed."""
        held = self.held_by(sid)
        guilty = [job for job in held if job.crashes >= most - 1] or held
        assert len(guilty) == 1 or guilty is held, f"{guilty} were on their last chance in one process"
        for job in held:
            job.holder, job.took = "", ()
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

    def next_start(self, ws: str, now: int) -> float:
        """When, at the latest, something may start if nothing happens; inf for no such time."""
        if heads := self.heads(ws):
            return self.earliest(ws, max(head.cost for head in heads), now)
        dues: Sequence[int] = [job.due for job in self.of(ws, "scheduled")]
        if not dues or self.slots(ws) < 1:
            return math.inf
        due = min(dues)
        costs = [job.cost for job in self.of(ws, "scheduled")]
        return max(due, self.earliest(ws, max(costs), now))
