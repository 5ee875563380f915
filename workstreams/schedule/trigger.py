"""APScheduler's view of a schedule: when to wake up, told by this host's clock."""

from __future__ import annotations

import time
from datetime import datetime

from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]  # APScheduler ships no types

from workstreams.schedule.moments import from_us, to_us
from workstreams.schedule.when import When

__all__ = ["HostClock", "Ticks"]


class HostClock:
    """How far Redis's clock is ahead of this host's: Redis says what is due, the host only sleeps."""

    def __init__(self) -> None:
        self._ahead = 0

    def learn(self, redis_now: int) -> None:
        """Take in what Redis's clock showed just now, in µs since 1970."""
        self._ahead = redis_now - time.time_ns() // 1000

    def of_redis(self, host: datetime) -> int:
        """Redis's µs at a time of this host."""
        return to_us(host) + self._ahead

    def of_host(self, us: int) -> datetime:
        """This host's time at an instant of Redis's clock."""
        return from_us(us - self._ahead)


class Ticks(BaseTrigger):  # type: ignore[misc]  # its base is untyped
    """Wakes at the ticks of a schedule; which of them are due is decided by Redis's clock then.

    Parameters:
      when: The ticks.
      clock: Translates them.
    """

    def __init__(self, when: When, clock: HostClock) -> None:
        self._when, self._clock = when, clock

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:  # noqa: ARG002 - APScheduler's signature
        """The first tick later than now; missed ones are found by whoever wakes."""
        tick = self._when.after(self._clock.of_redis(now))
        return None if tick is None else self._clock.of_host(tick)
