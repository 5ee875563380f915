from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

import workstreams
from tests.support import wait_until, working
from workstreams.run import progress as module
from workstreams.run.context import CurrentJob, bind, current_job, unbind
from workstreams.wait.broker import WorkstreamBroker


class Written(list[tuple[str, Mapping[str, Any]]]):
    """Lines of a job."""

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        self.append((event, fields))


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def job(written: Written) -> CurrentJob:
    return CurrentJob("j1", "mail", "act", 1, 1, "", "h:1", written.write)


def test_progress_is_a_line_of_the_job(job: CurrentJob, written: Written) -> None:
    job.progress(0.5, step="halfway")
    assert written == [("progress", {"fraction": 0.5, "step": "halfway"})]


def test_many_reports_in_a_moment_are_two_lines_the_first_and_the_last(
    job: CurrentJob, written: Written
) -> None:
    bind(lambda: job)
    for number in range(1, 1001):
        current_job().progress(number / 1000)
    unbind()
    assert len(written) < 10
    assert written[0] == ("progress", {"fraction": 0.001})
    assert written[-1] == ("progress", {"fraction": 1.0})


def test_after_a_pause_the_next_report_is_written(
    job: CurrentJob, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    job.progress(0.1)
    job.progress(0.2)
    assert [fields["fraction"] for _, fields in written] == [0.1, 0.2]


def test_what_was_held_back_is_written_although_the_job_says_no_more(
    job: CurrentJob, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    bind(lambda: job)
    wrote_as: list[str] = []
    other = CurrentJob("j2", "mail", "act", 1, 1, "", "h:1", lambda *_: wrote_as.append(current_job().id))
    current_job().progress(0.1, step="fetch")
    other.progress(0.1)
    job.progress(0.2, step="parse")
    other.progress(0.2)
    wait_until(lambda: len(written) == 2 and len(wrote_as) == 2)
    assert written[1] == ("progress", {"fraction": 0.2, "step": "parse"})
    # In whose name a line is written is known by the context that it was said in.
    assert wrote_as == ["j1", "j1"]
    unbind()
    assert len(written) == 2


def test_what_was_written_is_not_written_again_at_the_end(job: CurrentJob, written: Written) -> None:
    bind(lambda: job)
    current_job().progress(0.1)
    unbind()
    assert len(written) == 1


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), 50])
def test_what_is_no_fraction_is_refused(job: CurrentJob, fraction: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        job.progress(fraction)


def test_two_attempts_do_not_share_their_progress(job: CurrentJob, written: Written) -> None:
    other = CurrentJob("j2", "mail", "act", 1, 1, "", "h:1", written.write)
    job.progress(0.1)
    other.progress(0.2)
    assert len(written) == 2


def test_a_job_that_no_worker_runs_is_not_cancelled_and_sleeps_to_the_end(job: CurrentJob) -> None:
    began = time.monotonic()
    job.sleep(0.15)  # what is tested
    assert time.monotonic() - began >= 0.15
    assert not job.cancelled


def test_a_sleeping_job_is_interrupted_by_its_time_limit(broker: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mail", timeout="100ms", retries=0)
    def act() -> None:
        current_job().sleep(600)  # what is interrupted

    with working(broker):
        job = act.send()
        error = job.wait(timeout="10s").error
    assert error is not None
    assert error["type"] == "TimeLimitExceeded"


def test_a_sleeping_job_is_woken_by_its_cancel(broker: WorkstreamBroker) -> None:
    begun, knew = threading.Event(), []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        begun.set()
        try:
            current_job().sleep(600)  # what is woken
        except workstreams.Cancelled:
            knew.append(current_job().cancelled)
            raise

    with working(broker):
        job = act.send()
        assert begun.wait(10)
        job.cancel()
        assert job.wait(timeout="10s").state == "cancelled"
    assert knew == [True]


def test_outside_a_job_there_is_none() -> None:
    with pytest.raises(RuntimeError):
        current_job()
