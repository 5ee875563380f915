"""Schedules as people look at them: when they fire, fired and will fire, and what became of the last job."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

from workstreams.declare.config import Config
from workstreams.declare.config.schedule import Schedule
from workstreams.schedule.moments import iso
from workstreams.schedule.record import Record, read_records
from workstreams.schedule.when import described, ticks_after, when_of
from workstreams.state.decoding import stamp_or_none
from workstreams.store.link import Link

__all__ = ["ScheduleState", "read_schedules"]

#: How many of the next ticks are told.
NEXT = 5


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleState:
    """One schedule; times are µs since 1970.

    Attributes:
      name: Its name.
      when: Its cron text and zone, or its interval.
      actor: What it sends.
      workstream: Where to; "" if that is the actor's own and no scheduler has told it yet.
      enabled: What the file says.
      paused: Whether an operator paused it.
      last_tick: The last tick that sent a job; None if none did.
      last_fired: When a job was sent last, by hand included.
      last_job: Its id, "" if there is none.
      last_job_state: Its state, "" when it is not kept any longer.
      next_ticks: What comes; none while it is paused or not enabled.
    """

    name: str
    when: str
    actor: str
    workstream: str
    enabled: bool
    paused: bool
    last_tick: int | None
    last_fired: int | None
    last_job: str
    last_job_state: str
    next_ticks: tuple[int, ...]

    @property
    def state(self) -> str:
        """on, paused or off."""
        return "off" if not self.enabled else "paused" if self.paused else "on"

    def record(self) -> dict[str, Any]:
        """As JSON shows it: stable keys, times in ISO 8601."""
        return {
            "schedule": self.name,
            "when": self.when,
            "actor": self.actor,
            "workstream": self.workstream or None,
            "enabled": self.enabled,
            "paused": self.paused,
            "last_tick": None if self.last_tick is None else iso(self.last_tick),
            "last_fired": stamp_or_none(self.last_fired),
            "last_job": self.last_job or None,
            "last_job_state": self.last_job_state or None,
            "next": [iso(tick) for tick in self.next_ticks],
        }


def read_schedules(link: Link, config: Config) -> list[ScheduleState]:
    """All schedules of a config, as they are now by Redis's clock.

    Raises:
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    records = read_records(link, list(config.schedules))
    return [
        _state(name, schedule, records.by_name[name], records.now)
        for name, schedule in config.schedules.items()
    ]


def _state(name: str, schedule: Schedule, record: Record, now: int) -> ScheduleState:
    rests = record.paused or not schedule.enabled
    return ScheduleState(
        name=name,
        when=described(schedule),
        actor=schedule.actor,
        workstream=schedule.workstream or record.workstream,
        enabled=schedule.enabled,
        paused=record.paused,
        last_tick=record.tick,
        last_fired=record.fired,
        last_job=record.job,
        last_job_state=record.job_state,
        next_ticks=() if rests else tuple(islice(ticks_after(when_of(schedule), now), NEXT)),
    )
