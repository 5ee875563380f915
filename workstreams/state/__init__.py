"""What is true now: of workstreams, of workers and of one job, read from what admission reads."""

from workstreams.state.job import JobState
from workstreams.state.job_reading import read_job
from workstreams.state.status import read_status
from workstreams.state.workers import HeldJob, WorkerState, read_workers
from workstreams.state.workstream import Hold, Minute, RateUse, SlotUse, WorkstreamState

__all__ = [
    "HeldJob",
    "Hold",
    "JobState",
    "Minute",
    "RateUse",
    "SlotUse",
    "WorkerState",
    "WorkstreamState",
    "read_job",
    "read_status",
    "read_workers",
]
