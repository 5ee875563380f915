"""What is true now: of workstreams, of workers and of one job, read from what admission reads."""

from workstreams.state.job import ENDED, STATES, JobState
from workstreams.state.job_reading import find_job, read_job
from workstreams.state.jobs_listing import JobFilter, Listing, list_jobs
from workstreams.state.status import read_status
from workstreams.state.workers import HeldJob, WorkerState, read_workers
from workstreams.state.workstream import Hold, Minute, RateUse, SlotUse, WorkstreamState

__all__ = [
    "ENDED",
    "STATES",
    "HeldJob",
    "Hold",
    "JobFilter",
    "JobState",
    "Listing",
    "Minute",
    "RateUse",
    "SlotUse",
    "WorkerState",
    "WorkstreamState",
    "find_job",
    "list_jobs",
    "read_job",
    "read_status",
    "read_workers",
]
