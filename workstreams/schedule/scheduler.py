"""A scheduler: APScheduler as the timer, Redis as the truth. Any number may run beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.executors.pool import BasePoolExecutor  # type: ignore[import-untyped]  # APScheduler ships no types
from apscheduler.jobstores.base import JobLookupError  # type: ignore[import-untyped]  # APScheduler ships no types
from apscheduler.jobstores.memory import MemoryJobStore  # type: ignore[import-untyped]  # APScheduler ships no types
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]  # APScheduler ships no types

from workstreams.declare.config import Config
from workstreams.errors import RedisUnavailable, WorkstreamsError
from workstreams.schedule.firing import Firing, Notify
from workstreams.schedule.record import declare_schedules
from workstreams.schedule.trigger import HostClock, Ticks
from workstreams.store.link import Link

__all__ = ["Scheduler"]

#: Pause before a schedule that could not be settled is looked at again.
RETRY = timedelta(seconds=1)

#: Schedules that are settled at the same time; each is two calls of Redis.
THREADS = 4


class _Threads(BasePoolExecutor):  # type: ignore[misc]  # its base is untyped
    """APScheduler's executor over threads that somebody else ends."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)


class Scheduler:
    """Fires the enabled schedules of a config.

    Parameters:
      config: The config.
      workstreams: Where the jobs of each schedule wait, by the schedule's name.
      link: Where Redis is.
      notify: Told what happened: ``notify(event, level, **fields)``.

    Raises:
      PayloadError: When the arguments of a schedule cannot travel.
    """

    def __init__(self, config: Config, workstreams: Mapping[str, str], link: Link, notify: Notify) -> None:
        self._config, self._workstreams, self._link, self._notify = config, workstreams, link, notify
        self._clock = HostClock()
        self._firings = {
            name: Firing(config, name, workstreams[name], link, notify)
            for name, schedule in config.schedules.items()
            if schedule.enabled
        }
        self._away = False
        self._threads = ThreadPoolExecutor(THREADS, "workstreams-schedules")
        self._timer = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={"default": _Threads(self._threads)},
            # However late, a wake-up is one: it settles everything that is due.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Declare the schedules, settle what is due, and go on with every tick.

        Raises:
          RedisUnavailable: When Redis cannot be asked.
          RedisUnsuitable: When what stands there is not ours.
        """
        verdicts = declare_schedules(
            self._link, self._config.version, self._config.schedules, self._workstreams
        )
        for name, verdict in verdicts.items():
            if verdict == "changed":
                self._notify("schedule_changed", "info", schedule=name)
        now = datetime.now(UTC)
        for name, firing in self._firings.items():
            trigger = Ticks(firing.when, self._clock)
            self._timer.add_job(partial(self._wake, name), trigger, id=name, name=name, next_run_time=now)
        self._timer.start()

    def stop(self) -> None:
        """Wait for what is being settled, and end."""
        if self._timer.running:
            # To wait in there would be to wait under a lock that whoever settles may need.
            self._timer.shutdown(wait=False)
        self._threads.shutdown(wait=True)

    def _wake(self, name: str) -> None:
        """Settle one schedule, and say when to look at it next."""
        try:
            settled = self._firings[name].settle()
        except WorkstreamsError as error:
            self._tell_away(error)
            self._look_at(name, datetime.now(UTC) + RETRY)
            return
        self._away = False
        self._clock.learn(settled.now)
        if not settled.complete:
            self._look_at(name, datetime.now(UTC) + RETRY)
        elif (tick := self._firings[name].when.after(settled.now)) is not None:
            self._look_at(name, self._clock.of_host(tick))

    def _look_at(self, name: str, moment: datetime) -> None:
        try:
            self._timer.modify_job(name, next_run_time=moment)
        except JobLookupError:
            # It has no tick left, and its timer is gone.
            return

    def _tell_away(self, error: WorkstreamsError) -> None:
        if not self._away or not isinstance(error, RedisUnavailable):
            self._away = True
            self._notify("scheduler_held", "warning", why=str(error))
