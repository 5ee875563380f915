"""Settles the due ticks of one schedule: reads the mark, decides, and moves it together with the jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import islice
from typing import Any
from uuid import uuid4

from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.schedule.moments import iso
from workstreams.schedule.orders import Orders
from workstreams.schedule.policy import Skip, plan_of
from workstreams.schedule.record import Record, declare_schedules, declared_words, read_records
from workstreams.schedule.when import ticks_after, when_of
from workstreams.state.decoding import text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["Firing", "Notify", "Settled"]

#: Ticks in one call: each sends a job, and Redis serves nobody else meanwhile.
AT_ONCE = 50

#: Told of what happened: an event, a level, and its fields.
Notify = Callable[..., object]


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """What a look at a schedule left.

    Attributes:
      now: Redis's clock at that look, in µs since 1970.
      complete: Whether all ticks up to then are decided, as far as this scheduler may decide.
    """

    now: int
    complete: bool


class Firing:
    """The ticks of one schedule.

    Parameters:
      config: The config.
      name: The schedule.
      workstream: Where its jobs wait.
      link: Where Redis is.
      notify: Told of ticks that fired here, and of what keeps others from firing.
    """

    def __init__(self, config: Config, name: str, workstream: str, link: Link, notify: Notify) -> None:
        self._config, self._name, self._workstream, self._link = config, name, workstream, link
        self._schedule = config.schedules[name]
        self._words = declared_words(self._schedule)
        self._orders = Orders(config, name, self._schedule, workstream)
        self._notify = notify
        self._trouble = ""
        self.when = when_of(self._schedule)
        # Arguments that cannot travel are told at the start, not in the night.
        self._orders.of_tick(0)

    def settle(self) -> Settled:
        """Decide about every tick that is due.

        Raises:
          RedisUnavailable: When Redis cannot be asked; what is undecided is decided later.
          RedisUnsuitable: When what stands there is not ours.
        """
        while True:
            records = read_records(self._link, [self._name])
            record, now = records.by_name[self._name], records.now
            if not record.when:
                # Redis lost its data, or somebody deleted it: begin anew.
                self._declare()
                continue
            if record.when != self._words:
                self._tell(
                    "schedule_stands_down", found=record.when, why="it was declared in other words since"
                )
                return Settled(now, True)
            if record.paused or (verdict := self._decide(record, now)) == "done":
                self._trouble = ""
                return Settled(now, True)
            if verdict == "full":
                self._tell("tick_held", why=f'"{self._workstream}" is full')
                return Settled(now, False)
            if verdict == "unsettled":
                self._publish()

    def _decide(self, record: Record, now: int) -> str:
        """Decide about some ticks; "done" when none was left."""
        mark = int(record.mark or now)
        plan = plan_of(self._schedule, self.when, mark, record.resumed or 0, now)
        ticks = list(islice(ticks_after(self.when, plan.begin, now), AT_ONCE))
        if not plan.skips and not ticks:
            return "done"
        call: dict[str, Any] = {
            "request": uuid4().hex,
            "epoch": "",
            "fresh": uuid4().hex,
            "schedule": self._name,
            "when": self._words,
            "after": record.mark,
            "workstream": self._workstream,
            "actor": self._schedule.actor,
            "overlap": self._schedule.overlap,
            "skips": [_skip_words(skip) for skip in plan.skips],
        }
        verdict = self._fire(call, ticks)
        return "done" if verdict == "ok" and len(ticks) < AT_ONCE else verdict

    def _fire(self, call: dict[str, Any], ticks: list[int]) -> str:
        words: list[str | bytes | int | float] = []
        for tick in ticks:
            words += (str(tick), iso(tick), *self._orders.of_tick(tick).words())
        with readable(self._link):
            verdict, _, fired = self._link.scripts.run("fire", call, words)
        for tick_text in fired:
            self._notify(
                "fired",
                "info",
                workstream=self._workstream,
                actor=self._schedule.actor,
                schedule=self._name,
                tick=text(tick_text),
            )
        return text(verdict)

    def _declare(self) -> None:
        schedules, names = {self._name: self._schedule}, {self._name: self._workstream}
        declare_schedules(self._link, self._config.version, schedules, names)

    def _publish(self) -> None:
        with readable(self._link):
            publish(self._config, self._link.scripts)

    def _tell(self, event: str, **fields: str) -> None:
        """Tell of a trouble, once while it lasts."""
        if self._trouble != event:
            self._trouble = event
            self._notify(event, "warning", schedule=self._name, **fields)


def _skip_words(skip: Skip) -> dict[str, Any]:
    span = skip.span
    words = {"first": iso(span.first), "last": iso(span.last), "ticks": span.ticks}
    return {**words, "reason": skip.reason, "mark": str(span.last)}
