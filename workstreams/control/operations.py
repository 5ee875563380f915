"""Carries out what is asked of a job: the broker's side of a job's methods."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from dramatiq import Message
from dramatiq.results import ResultMissing
from dramatiq.results.result import unwrap_result

from workstreams.control.jobs import cancel_jobs, retry_jobs
from workstreams.control.waiting import wait_for_end
from workstreams.errors import JobNotFound, NoResult, WrongJobState
from workstreams.log.history import lines_of_job
from workstreams.send.job import Job
from workstreams.send.payload import job_from
from workstreams.state import ENDED, JobState, find_job, read_job
from workstreams.store.readable import readable
from workstreams.units import parse_duration
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Operations", "read_result"]


class Operations:
    """Carries out operations on the server of a broker.

    Parameters:
      broker: Whose config and connections are used.
    """

    def __init__(self, broker: WorkstreamBroker) -> None:
        self._broker = broker

    def find(self, job_id: str) -> Job[Any]:
        """The job of an id, searched for in all declared workstreams in one round trip.

        Raises:
          JobNotFound, RedisUnavailable
        """
        workstream, fields = find_job(self._broker.link, self._broker.config, job_id)
        job = job_from(fields["body"] or b"", fields["options"] or b"{}")
        return job if job.queue_name == workstream else Job.of(job.copy(queue_name=workstream))

    def status(self, job: Message[Any]) -> JobState:
        """Its state."""
        return read_job(self._broker.link, self._broker.config, job.message_id, job.queue_name)

    def wait(self, job: Message[Any], timeout: str | timedelta | None) -> JobState:
        """Its state when it has ended."""
        wait_for_end(self._broker.link, job.queue_name, job.message_id, _microseconds(timeout))
        return self.status(job)

    def result(self, job: Message[Any], timeout: str | timedelta | None) -> Any:
        """What it left; by the broker's result backend if it has one, else as ours writes it."""
        if timeout is not None:
            wait_for_end(self._broker.link, job.queue_name, job.message_id, _microseconds(timeout))
        try:
            backend = self._broker.get_results_backend()
        except RuntimeError:
            return read_result(self._broker, job)
        try:
            return backend.get_result(job)
        except ResultMissing:
            raise NoResult(job.message_id, self.status(job).state) from None

    def logs(self, job: Message[Any]) -> list[dict[str, Any]]:
        """Its lines."""
        link = self._broker.link
        ended = self.status(job).ended
        with readable(link):
            return lines_of_job(
                link.scripts.client, link.keys, job.queue_name, job.message_id, until_us=ended
            )

    def cancel(self, job: Message[Any]) -> str:
        """End it, or ask it to stop."""
        [change] = cancel_jobs(self._broker.link, job.queue_name, [job.message_id])
        _must_be_kept(job, change.was)
        if not change.done and change.was != "cancelled":
            raise WrongJobState(job.message_id, change.was, "to wait or to run")
        return "cancelling" if change.was == "running" else "cancelled"

    def retry(self, job: Message[Any]) -> None:
        """Let it wait again."""
        [change] = retry_jobs(self._broker.link, job.queue_name, [job.message_id])
        _must_be_kept(job, change.was)
        if not change.done:
            raise WrongJobState(job.message_id, change.was, f"to be scheduled or {', '.join(ENDED)}")


def read_result(broker: WorkstreamBroker, job: Message[Any]) -> Any:
    """The result as it stands in Redis, unwrapped as Dramatiq wraps it.

    Raises:
      NoResult: When none is kept.
      dramatiq.results.ResultFailure: When the actor failed.
    """
    link = broker.link
    with readable(link):
        stored: Any = link.scripts.client.get(link.keys.workstream(job.queue_name, "result", job.message_id))
    if stored is None:
        state = read_job(link, broker.config, job.message_id, job.queue_name).state
        raise NoResult(job.message_id, state)
    return unwrap_result(orjson.loads(stored))  # type: ignore[no-untyped-call]  # Dramatiq's is untyped


def _must_be_kept(job: Message[Any], was: str) -> None:
    if was == "gone":
        raise JobNotFound(job.message_id)


def _microseconds(timeout: str | timedelta | None) -> int | None:
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        return timeout // timedelta(microseconds=1)
    try:
        return parse_duration(timeout)
    except ValueError as error:
        raise ValueError(f"expected a timeout that is {error}, found {timeout!r}") from None
