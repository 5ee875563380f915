import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis

from tests.support import wait_until
from workstreams.admit import sessions
from workstreams.supervisor.renewal import Renewal, Watched

LEASE = 150_000


class Sessions:
    """Notes what is asked of it; answers as a healthy server does unless told to fail."""

    def __init__(self) -> None:
        self.renewed: list[list[str]] = []
        self.ended: list[tuple[str, str, bool]] = []
        self.lost: tuple[str, ...] = ()
        self.overdue: tuple[tuple[str, str], ...] = ()
        self.away = threading.Event()

    def renew(self, sids: Sequence[str], lease_us: int) -> sessions.Renewal:
        if self.away.is_set():
            raise redis.ConnectionError("away")
        assert lease_us == LEASE
        self.renewed.append(list(sids))
        return sessions.Renewal(self.lost, self.overdue, None)

    def end(self, sid: str, why: str, *, blame: bool, guilty: object = ()) -> int:
        if self.away.is_set():
            raise redis.ConnectionError("away")
        self.ended.append((sid, why, blame))
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
    one = subprocess.Popen(["sleep", "60"])
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
    rig.renewal.end("s1", "it was killed", blame=True)
    wait_until(lambda: rig.sessions.ended == [("s1", "it was killed", True)])
    seen = len(rig.sessions.renewed)
    wait_until(lambda: len(rig.sessions.renewed) > seen + 1)
    assert rig.sessions.renewed[-1] == []


def test_while_redis_is_away_an_end_is_kept_and_told_later(rig: Rig) -> None:
    rig.sessions.away.set()
    rig.renewal.end("s1", "it was killed", blame=True)
    rig.renewal.end("s2", "it stopped", blame=False)
    assert not rig.renewal.stop(0.2), "it must not say that Redis knows"
    rig.sessions.away.clear()
    wait_until(lambda: [sid for sid, _, _ in rig.sessions.ended] == ["s1", "s2"])


def test_a_lost_session_and_an_overdue_job_are_told(rig: Rig, process: subprocess.Popen[bytes]) -> None:
    rig.sessions.lost, rig.sessions.overdue = ("s1",), (("s1", "mail/j1~1"),)
    rig.renewal.watch(Watched("s1", process.pid))
    wait_until(lambda: rig.lost and rig.overdue)
    assert rig.overdue[0] == ("s1", "mail/j1~1")
