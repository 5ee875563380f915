from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import wait_until
from workstreams.supervisor.child import Child
from workstreams.supervisor.ending import ending_of, how_it_ended
from workstreams.supervisor.spec import DRAIN, ChildSpec
from workstreams.supervisor.statuses import FAILED, LEAVING, LEFT_BEHIND, OPENING, READY


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A process that ended soon, since there is no config where it looks; what it said is up to the test."""
    spec = ChildSpec(str(tmp_path / "none"), {}, "main", (), "s1", -1, -1, 30.0, 5.0)
    one = Child(spec, "app")
    wait_until(one.has_ended)
    one.hear({"state": OPENING})
    one.hear({"state": READY})
    yield one
    one.close()


def judged(child: Child, code: int, *, out_of_memory: bool = False) -> tuple[bool, bool]:
    end = ending_of(child, code, out_of_memory=out_of_memory)
    return end.orderly, end.blame


@pytest.mark.parametrize("code", [0, 1, 75, -9, -35])
def test_an_end_that_nobody_asked_for_or_announced_counts(child: Child, code: int) -> None:
    assert judged(child, code) == (False, True)


@pytest.mark.parametrize("code", [0, 1, 75])
def test_an_end_that_was_announced_counts_against_nobody(child: Child, code: int) -> None:
    child.hear({"state": LEAVING})
    assert judged(child, code) == (True, False)


def test_an_end_that_was_asked_for_counts_against_nobody_unless_it_was_a_crash(child: Child) -> None:
    child.tell(DRAIN)
    assert judged(child, 0) == judged(child, 1) == (True, False)
    assert judged(child, -signal.SIGSEGV) == (False, True)
    child.kill("the grace was over")
    assert judged(child, -signal.SIGKILL) == (True, False)


def test_an_overdue_job_counts_however_its_process_ended(child: Child) -> None:
    child.overrun("work/j1~1")
    child.hear({"state": LEAVING})
    assert judged(child, 75) == (False, True)
    assert child.guilty == {"work/j1~1"}


def test_a_lost_lease_counts_against_nobody_but_is_no_orderly_end(child: Child) -> None:
    child.hear({"state": LEFT_BEHIND})
    assert judged(child, 75) == (False, False)


def test_a_boot_that_failed_is_no_orderly_end(child: Child) -> None:
    child.hear({"state": FAILED, "error": "no", "code": 1})
    assert not ending_of(child, 1, out_of_memory=False).orderly


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "its process was ended by SIGKILL"),
        (-signal.SIGSEGV, "its process was ended by SIGSEGV"),
        (-35, "its process was ended by signal 35"),
        (9, "its process ended with exit code 9"),
    ],
)
def test_an_exit_status_is_told_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_a_process_that_the_kernel_ended_for_lack_of_memory_says_so(child: Child) -> None:
    def why(code: int) -> str:
        return ending_of(child, code, out_of_memory=True).why

    assert why(-signal.SIGKILL) == "its process was ended by SIGKILL, out of memory"
    assert why(-signal.SIGSEGV) == "its process was ended by SIGSEGV"
    child.kill("the grace was over")
    assert why(-signal.SIGKILL) == "the grace was over"


def test_the_next_process_will_hardly_meet_what_ended_one_that_had_booted(child: Child) -> None:
    def passing(code: int, *, out_of_memory: bool = False) -> bool:
        return ending_of(child, code, out_of_memory=out_of_memory).passing

    assert passing(-signal.SIGSEGV)
    child.ready = False
    assert not passing(-signal.SIGSEGV)
    assert not passing(1)
    assert passing(-signal.SIGKILL), "by somebody else"
    assert not passing(-signal.SIGKILL, out_of_memory=True)
    child.hear({"state": FAILED, "error": "Redis is away", "code": 1})
    assert passing(1)
