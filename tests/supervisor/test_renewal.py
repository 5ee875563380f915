import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import redis

from tests.support import wait_until
from workstreams.admit import sessions
from workstreams.store.scripts import ScriptFailed
from workstreams.supervisor.renewal import MOST_FAILURES, Ended, Renewal, Watched
from workstreams.supervisor.tails import Tails

LEASE = 150_000


class Sessions:
    """Notes what is asked of it; answers as a healthy server does unless told to fail."""

    def __init__(self) -> None:
        self.renewed: list[list[str]] = []
        self.ended: list[tuple[str, str, bool]] = []
        self.lost: tuple[str, ...] = ()
        self.overdue: tuple[tuple[str, str], ...] = ()
        self.away = threading.Event()
        self.tried: list[str] = []
        self.last_lines: Sequence[str] = ()
        self.failing: dict[str, Exception] = {}

    def renew(self, sids: Sequence[str], lease_us: int) -> sessions.Renewal:
        if self.away.is_set():
            raise redis.ConnectionError("away")
        assert lease_us == LEASE
        self.renewed.append(list(sids))
        return sessions.Renewal(self.lost, self.overdue, None)

    def end(
        self,
        sid: str,
        why: str,
        *,
        blame: bool,
        guilty: object = (),
        last_lines: Callable[[str], Sequence[str]] | None = None,
    ) -> int:
        if self.away.is_set():
            raise redis.ConnectionError("away")
        self.tried.append(sid)
        if sid in self.failing:
            raise self.failing[sid]
        self.ended.append((sid, why, blame))
        self.last_lines = [] if last_lines is None else last_lines("mail/j1")
        return 0


class Rig:
    def __init__(self) -> None:
        self.sessions = Sessions()
        self.lost: list[str] = []
        self.overdue: list[tuple[str, str]] = []
        fake: Any = self.sessions
        self.renewal = Renewal(
            fake, LEASE, self.lost.append, lambda sid, job: self.overdue.append((sid, job))
        )
        self.renewal.start()


@pytest.fixture
def rig() -> Iterator[Rig]:
    one = Rig()
    yield one
    one.sessions.away.clear()
    one.renewal.stop(5)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    one = subprocess.Popen(["sleep", "60"])  # it does nothing until it is killed
    yield one
    one.kill()
    one.wait()


def test_a_living_process_is_renewed_and_a_stopped_one_is_not(
    rig: Rig, process: subprocess.Popen[bytes]
) -> None:
    rig.renewal.watch(Watched("s1", process.pid))
    wait_until(lambda: ["s1"] in rig.sessions.renewed)
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: rig.sessions.renewed[-1] == [])
    os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: rig.sessions.renewed[-1] == ["s1"])


def test_a_process_that_is_gone_is_not_renewed(rig: Rig) -> None:
    done = subprocess.Popen(["true"])
    rig.renewal.watch(Watched("s1", done.pid))
    # Until it is waited for it is a zombie, which the kernel still lists.
    wait_until(lambda: rig.sessions.renewed and rig.sessions.renewed[-1] == [])
    done.wait()


def test_an_ended_session_is_handed_back_at_once_and_renewed_no_more(
    rig: Rig, process: subprocess.Popen[bytes]
) -> None:
    rig.renewal.watch(Watched("s1", process.pid))
    wait_until(lambda: ["s1"] in rig.sessions.renewed)
    rig.renewal.end(Ended("s1", "it was killed", blame=True))
    wait_until(lambda: rig.sessions.ended == [("s1", "it was killed", True)])
    seen = len(rig.sessions.renewed)
    wait_until(lambda: len(rig.sessions.renewed) > seen + 1)
    assert rig.sessions.renewed[-1] == []


def test_while_redis_is_away_an_end_is_kept_and_told_later(rig: Rig) -> None:
    rig.sessions.away.set()
    rig.renewal.end(Ended("s1", "it was killed", blame=True))
    rig.renewal.end(Ended("s2", "it stopped", blame=False))
    assert not rig.renewal.stop(0.2), "it must not say that Redis knows"
    rig.sessions.away.clear()
    wait_until(lambda: [sid for sid, _, _ in rig.sessions.ended] == ["s1", "s2"])


def test_a_lost_session_and_an_overdue_job_are_told(rig: Rig, process: subprocess.Popen[bytes]) -> None:
    rig.sessions.lost, rig.sessions.overdue = ("s1",), (("s1", "mail/j1~1"),)
    rig.renewal.watch(Watched("s1", process.pid))
    wait_until(lambda: rig.lost and rig.overdue)
    assert rig.overdue[0] == ("s1", "mail/j1~1")


@pytest.mark.parametrize("error", [ScriptFailed("end_session: base.lua:1"), redis.ResponseError("MISCONF")])
def test_an_end_that_cannot_be_told_holds_up_neither_a_renewal_nor_another_end(
    rig: Rig, process: subprocess.Popen[bytes], error: Exception
) -> None:
    rig.sessions.failing["bad"] = error
    rig.renewal.watch(Watched("s1", process.pid))
    rig.renewal.end(Ended("bad", "it was killed", blame=True))
    rig.renewal.end(Ended("good", "it was killed", blame=True))
    wait_until(lambda: [sid for sid, _, _ in rig.sessions.ended] == ["good"])
    seen = len(rig.sessions.renewed)
    wait_until(lambda: len(rig.sessions.renewed) > seen + 3 and rig.sessions.tried.count("bad") > 2)
    assert rig.sessions.renewed[-1] == ["s1"]


def test_an_end_that_the_script_cannot_carry_out_is_given_up(rig: Rig) -> None:
    rig.sessions.failing["bad"] = ScriptFailed("end_session: base.lua:1")
    rig.renewal.end(Ended("bad", "it was killed", blame=True))
    assert rig.renewal.stop(5)
    assert rig.sessions.tried == ["bad"] * MOST_FAILURES


def test_an_end_that_a_full_server_refuses_is_told_when_it_has_room(rig: Rig) -> None:
    rig.sessions.failing["s1"] = redis.exceptions.OutOfMemoryError("full")
    rig.renewal.end(Ended("s1", "it was killed", blame=True))
    wait_until(lambda: len(rig.sessions.tried) > MOST_FAILURES + 1)
    del rig.sessions.failing["s1"]
    wait_until(lambda: rig.sessions.ended)


def test_a_renewal_that_fails_leaves_the_thread_at_work(
    rig: Rig, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []

    def fail(sids: object, lease_us: int) -> None:
        failed.append("")
        raise ScriptFailed("renew: recover.lua:1") if len(failed) < 3 else RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(rig.sessions, "renew", fail)
        rig.renewal.end(Ended("s1", "it was killed", blame=True))
        wait_until(lambda: len(failed) > 4)
        assert [sid for sid, _, _ in rig.sessions.ended] == ["s1"]
    rig.renewal.watch(Watched("s2", process.pid))
    wait_until(lambda: ["s2"] in rig.sessions.renewed)


def test_a_session_that_was_never_opened_is_renewed_no_more_and_not_ended(
    rig: Rig, process: subprocess.Popen[bytes]
) -> None:
    rig.renewal.watch(Watched("s1", process.pid))
    wait_until(lambda: ["s1"] in rig.sessions.renewed)
    rig.renewal.forget("s1")
    wait_until(lambda: rig.sessions.renewed[-1] == [])
    assert rig.renewal.stop(5)
    assert rig.sessions.tried == []


def test_the_last_lines_go_with_an_end_that_counts_and_only_with_that(rig: Rig) -> None:
    tails = Tails()
    tails.put("mail", "j1", {"event": "last"})
    rig.renewal.end(Ended("s1", "it was killed", blame=True, tails=tails))
    wait_until(lambda: rig.sessions.ended)
    assert rig.sessions.last_lines == ['{"event":"last"}']
    rig.renewal.end(Ended("s2", "it stopped", blame=False, tails=tails))
    wait_until(lambda: len(rig.sessions.ended) == 2)
    assert rig.sessions.last_lines == []
