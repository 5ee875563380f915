"""What is done from outside: to jobs, to the dead letters, and to whole workstreams."""

from workstreams.control.dead import discard_all, retry_all
from workstreams.control.jobs import Change, cancel_jobs, discard_dead, retry_jobs
from workstreams.control.limiting import Change as LimitChange
from workstreams.control.limiting import change_limit, refuse_key, reset_limit
from workstreams.control.operations import Operations
from workstreams.control.pausing import pause, resume
from workstreams.control.purging import PURGEABLE, purge
from workstreams.control.waiting import wait_for_end

__all__ = [
    "PURGEABLE",
    "Change",
    "LimitChange",
    "Operations",
    "cancel_jobs",
    "change_limit",
    "discard_all",
    "discard_dead",
    "pause",
    "purge",
    "refuse_key",
    "reset_limit",
    "resume",
    "retry_all",
    "retry_jobs",
    "wait_for_end",
]
