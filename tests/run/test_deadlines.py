from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from dramatiq.middleware import raise_thread_exception
from dramatiq.middleware.time_limit import TimeLimitExceeded

from tests.support import wait_until
from workstreams.run import deadlines as module
from workstreams.run.deadlines import Deadlines


@pytest.fixture
def deadlines() -> Deadlines:
    one = Deadlines(0.002)
    one.start()
    return one


def interrupted(work: Callable[[], None]) -> bool:
    """Whether a thread that does this is interrupted."""
    found: list[bool] = []

    def run() -> None:
        try:
            work()
        except TimeLimitExceeded:
            found.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    return bool(found)


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_a_thread_is_interrupted_when_its_time_is_over_and_not_before(deadlines: Deadlines) -> None:
    began = time.monotonic()

    def work() -> None:
        deadlines.add_timeout(threading.get_ident(), 50)
        spin(5)

    assert interrupted(work)
    assert 0.05 <= time.monotonic() - began < 5


def test_without_an_end_of_its_time_or_after_its_end_it_is_not_interrupted(deadlines: Deadlines) -> None:
    def endless() -> None:
        deadlines.add_timeout(threading.get_ident(), float("inf"))
        spin(0.05)

    def ended() -> None:
        deadlines.add_timeout(threading.get_ident(), 20)
        deadlines.remove_timeout(threading.get_ident())
        spin(0.05)

    assert not interrupted(endless)
    assert not interrupted(ended)


def test_a_job_that_ends_as_its_time_does_leaves_no_interruption_to_the_next_one(
    deadlines: Deadlines, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided, ended, landed = threading.Event(), threading.Event(), []

    def raise_late(thread: int, kind: type[BaseException]) -> None:
        decided.set()
        # Long enough for the job to end, if nothing held it up.
        ended.wait(0.2)
        raise_thread_exception(thread, kind)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    monkeypatch.setattr(module, "raise_thread_exception", raise_late)

    def work() -> None:
        deadlines.add_timeout(threading.get_ident(), 0)
        decided.wait(5)
        try:
            deadlines.remove_timeout(threading.get_ident())
        except TimeLimitExceeded:
            landed.append("in the first")
        ended.set()
        spin(0.4)

    assert not interrupted(work), "the next job on the thread"
    assert landed == ["in the first"]


def test_an_error_leaves_the_thread_at_its_work(
    deadlines: Deadlines, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fail(thread: int, kind: type[BaseException]) -> None:
        failed.set()
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(module, "raise_thread_exception", fail)
        deadlines.add_timeout(0, 0)
        wait_until(failed.is_set)

    def work() -> None:
        deadlines.add_timeout(threading.get_ident(), 0)
        spin(5)

    assert interrupted(work)
