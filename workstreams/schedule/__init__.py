"""Schedules: which ticks there are, which of them become jobs, and the timer that sends them."""

from workstreams.schedule.control import pause_schedule, resume_schedule, run_schedule
from workstreams.schedule.listing import ScheduleState, read_schedules
from workstreams.schedule.scheduler import Scheduler
from workstreams.schedule.when import next_fires

__all__ = [
    "ScheduleState",
    "Scheduler",
    "next_fires",
    "pause_schedule",
    "read_schedules",
    "resume_schedule",
    "run_schedule",
]
