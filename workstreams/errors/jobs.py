"""Why there is nothing to be had of a job, or to be done to it."""

from __future__ import annotations

from workstreams.errors.root import WorkstreamsError

__all__ = ["JobNotFound", "JobTimeout", "NoResult", "WrongJobState"]


class JobNotFound(WorkstreamsError):
    """No record of the job is kept.

    Attributes:
      job_id: The id that was asked for.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f'expected the id of a job that is kept, found "{job_id}": '
            "finished jobs are forgotten after the workstream's keep: age and count"
        )


class JobTimeout(WorkstreamsError, TimeoutError):
    """A job has not ended in the time that was given; it goes on.

    Attributes:
      job_id: The job.
      state: Its state when the time was over.
    """

    def __init__(self, job_id: str, state: str, waited: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(
            f'expected job "{job_id}" to end within {waited}, found it {state}: '
            "wait longer, or look why with `workstreams job show`"
        )


class WrongJobState(WorkstreamsError):
    """What was asked cannot be done to a job in its state.

    Attributes:
      job_id: The job.
      state: The state it was found in.
    """

    def __init__(self, job_id: str, state: str, expected: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(f'expected job "{job_id}" {expected}, found it {state}: nothing was done')


class NoResult(WorkstreamsError):
    """There is no result of a job.

    Attributes:
      job_id: The job.
      state: Its state.
    """

    def __init__(self, job_id: str, state: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(
            f'expected a result of job "{job_id}", found none (it is {state}): results are kept for actors '
            "declared with store_results=True, once they are done, for a time"
        )
