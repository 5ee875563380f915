"""The blocks of a process that wait are heard for by one thread, whatever happens to one of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.guest.support import threads
from tests.support import wait_until
from workstreams.admit.listener import Listener
from workstreams.guest.bell import Bell
from workstreams.guest.hearing import Hearing
from workstreams.wait.broker import WorkstreamBroker


class Heard(Bell):
    """Counts."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def ring(self) -> None:
        self.times += 1


@pytest.fixture
def hearing(api: WorkstreamBroker) -> Iterator[Hearing]:
    wait_until(lambda: threads() == [])
    made = Hearing(api.link, "guest:one")
    yield made
    for sid in list(made._waiting):
        made.forget(sid)


def test_who_waits_no_longer_wakes_the_next_who_wants_the_same(hearing: Hearing) -> None:
    bells = {sid: Heard() for sid in ("a", "b", "c", "d")}
    for sid, bell in bells.items():
        hearing.expect(sid, "less" if sid == "b" else "much", bell)
    assert [hearing.is_first(sid) for sid in bells] == [True, True, False, False]
    hearing.forget("d")
    hearing.forget("a")
    hearing.forget("a")
    assert {sid: bell.times for sid, bell in bells.items()} == {"a": 0, "b": 0, "c": 1, "d": 0}
    assert hearing.is_first("c")


def test_who_is_gone_without_a_word_stands_before_nobody(hearing: Hearing) -> None:
    hearing.expect("a", "much", Heard())
    hearing.expect("b", "much", Heard())
    hearing.expect("c", "much", bell := Heard())
    gc.collect()
    assert hearing.is_first("c")
    hearing.listen()
    wait_until(lambda: bell.times)
    hearing.forget("c")
    wait_until(lambda: threads() == [])


def test_who_is_gone_before_it_is_forgotten_wakes_the_next_as_well(hearing: Hearing) -> None:
    hearing.expect("a", "much", Heard())
    hearing.expect("b", "much", bell := Heard())
    gc.collect()
    hearing.forget("a")
    assert bell.times == 1


def test_a_listener_that_could_not_be_started_is_started_for_the_next_who_needs_it(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Listener) -> None:
        raise RuntimeError("can't start new thread")

    bell = Heard()
    hearing.expect("a", "much", bell)
    with monkeypatch.context() as patch:
        patch.setattr(Listener, "start", full)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            hearing.listen()
    hearing.listen()
    wait_until(lambda: bell.times)
    assert threads() == ["workstreams-limits-listener"]
    hearing.forget("a")
    wait_until(lambda: threads() == [])


def test_nobody_listens_for_who_has_left_meanwhile(hearing: Hearing) -> None:
    hearing.listen()
    assert threads() == []


def test_one_thread_listens_for_all(hearing: Hearing) -> None:
    bells = [Heard(), Heard()]
    for number, bell in enumerate(bells):
        hearing.expect(str(number), "much", bell)
    hearing.listen()
    hearing.listen()
    wait_until(lambda: all(bell.times for bell in bells))
    assert threads() == ["workstreams-limits-listener"]
    hearing.forget("0")
    assert threads() == ["workstreams-limits-listener"]
    hearing.forget("1")
    wait_until(lambda: threads() == [])
