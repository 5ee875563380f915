from __future__ import annotations

import dramatiq
import pytest

import workstreams
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker


def test_a_job_is_a_dramatiq_message_with_an_id_that_sorts() -> None:
    first, second = (Job("mail", "act", (1,), {"x": 2}, {}) for _ in range(2))
    assert isinstance(first, dramatiq.Message)
    assert (first.id, first.workstream) == (first.message_id, "mail")
    assert first.id < second.id


def test_a_message_becomes_a_job_that_says_the_same() -> None:
    message = dramatiq.Message("mail", "act", (1,), {"x": 2}, {"k": 3})
    job = Job.of(message)
    assert job.asdict() == message.asdict()
    assert Job.of(job) is job


def test_a_copy_of_a_job_is_a_job() -> None:
    job = Job("mail", "act", (), {}, {}).copy(queue_name="text")
    assert isinstance(job, Job)
    assert job.workstream == "text"


@pytest.fixture
def steps(broker: WorkstreamBroker) -> tuple[workstreams.WorkstreamActor, workstreams.WorkstreamActor]:
    @workstreams.actor(workstream="mail")
    def one(x: int) -> int:
        return x + 1

    @workstreams.actor(workstream="mail")
    def two(x: int) -> None:
        """Takes what came before."""

    return one, two


def test_pipelines_and_groups_accept_jobs(
    steps: tuple[workstreams.WorkstreamActor, workstreams.WorkstreamActor],
) -> None:
    one, two = steps
    pipe = one.message(1) | two.message()
    assert isinstance(pipe, dramatiq.pipeline)
    assert len(dramatiq.pipeline([one.message(1), two.message()])) == 2
    assert len(dramatiq.group([one.message(1), one.message(2)])) == 2
    assert all(isinstance(message, Job) for message in (one.message(1), one.message_with_options(args=(1,))))
