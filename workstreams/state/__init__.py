"""What is true now: of workstreams, of workers and of one job, read from what admission reads."""

from workstreams.state.job import ENDED, STATES, JobState
from workstreams.state.job_reading import find_job, read_job
from workstreams.state.jobs_listing import JobFilter, Listing, list_jobs
from workstreams.state.limits import LimitState, find_limit, read_limits
from workstreams.state.status import read_status
from workstreams.state.terms import Terms, rates_in_words
from workstreams.state.workers import HeldJob, WorkerState, read_workers
from workstreams.state.workstream import Hold, Minute, Overridden, RateUse, SlotUse, WorkstreamState

__all__ = [
    "ENDED",
    "STATES",
    "HeldJob",
    "Hold",
    "JobFilter",
    "JobState",
    "LimitState",
    "Listing",
    "Minute",
    "Overridden",
    "RateUse",
    "SlotUse",
    "Terms",
    "WorkerState",
    "WorkstreamState",
    "find_job",
    "find_limit",
    "list_jobs",
    "rates_in_words",
    "read_job",
    "read_limits",
    "read_status",
    "read_workers",
]
