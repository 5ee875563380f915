from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import redis
import structlog

from tests.support import wait_until
from workstreams.admit import renewer as module
from workstreams.admit.renewer import Renewer, pause_before_next
from workstreams.admit.sessions import Renewal


class FakeSessions:
    """Answers renewals in turn, the last one for ever."""

    def __init__(self, *answers: Renewal | Exception) -> None:
        self.renewed: list[tuple[str, ...]] = []
        self._answers = list(answers)

    def renew(self, sids: Sequence[str], _lease_us: int) -> Renewal:
        self.renewed.append(tuple(sids))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


FINE = Renewal((), (), None)


@pytest.mark.parametrize(
    ("lease", "expiry", "pause"),
    [(15, None, 5), (15, 60.0, 5), (15, 2.0, 2.01), (15, 0.0, 0.05), (0.09, None, 0.05)],
)
def test_the_next_renewal_is_after_a_third_of_the_lease_or_when_somebodys_runs_out(
    lease: float, expiry: float | None, pause: float
) -> None:
    assert pause_before_next(lease, expiry) == pytest.approx(pause)


def test_it_renews_until_it_is_stopped() -> None:
    sessions, lost = FakeSessions(FINE), threading.Event()
    renewer = Renewer(sessions, "s1", 150_000, lost.set)  # type: ignore[arg-type]  # a fake
    renewer.start()
    wait_until(lambda: len(sessions.renewed) >= 3)
    renewer.stop()
    renewer.join(5)
    assert not renewer.is_alive()
    assert set(sessions.renewed) == {("s1",)}
    assert not lost.is_set()


def test_a_lost_session_is_told_to_who_opens_it_again_or_stops_this() -> None:
    sessions, lost = FakeSessions(FINE, Renewal(("s1",), (), None)), threading.Event()
    renewer = Renewer(sessions, "s1", 150_000, lost.set)  # type: ignore[arg-type]  # a fake
    renewer.start()
    assert lost.wait(5)
    renewer.stop()
    renewer.join(5)
    assert not renewer.is_alive()


def test_it_goes_on_trying_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    sessions, lost = (
        FakeSessions(redis.ConnectionError("a"), redis.TimeoutError("b"), FINE),
        threading.Event(),
    )
    renewer = Renewer(sessions, "s1", 150_000, lost.set)  # type: ignore[arg-type]  # a fake
    renewer.start()
    wait_until(lambda: len(sessions.renewed) >= 3)
    renewer.stop()
    renewer.join(5)
    assert not lost.is_set()


def test_an_error_that_nobody_foresaw_is_told_and_the_next_renewal_comes_all_the_same() -> None:
    sessions = FakeSessions(RuntimeError("a defect"), FINE)
    renewer = Renewer(sessions, "s1", 150_000, lambda: None)  # type: ignore[arg-type]  # a fake
    with structlog.testing.capture_logs() as said:
        renewer.start()
        wait_until(lambda: len(sessions.renewed) >= 3)
        renewer.stop()
        renewer.join(5)
    assert [line["event"] for line in said] == ["renewal_failed"]


def test_a_job_past_its_hard_bound_is_told_once_since_nobody_ends_the_process_for_it() -> None:
    overdue = Renewal((), (("s1", "mail/j1~1"),), None)
    sessions = FakeSessions(FINE, overdue, overdue, FINE, overdue)
    renewer = Renewer(sessions, "s1", 150_000, lambda: None)  # type: ignore[arg-type]  # a fake
    with structlog.testing.capture_logs() as said:
        renewer.start()
        wait_until(lambda: len(sessions.renewed) >= 4)
        assert [(line["event"], line["overdue"]) for line in said] == [("job_overdue", "mail/j1~1")]
        renewer.stop()
        renewer.join(5)
