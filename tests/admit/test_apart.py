"""What is done apart is done whole, and no interrupt of the one who waits for it is lost."""

from __future__ import annotations

import _thread
import ctypes
import threading
from functools import partial
from types import CodeType
from typing import Any

import pytest

from tests.interrupting import Interrupt, struck
from tests.support import wait_until
from workstreams.admit.apart import apart


def test_it_is_done_by_another_thread_and_waited_for() -> None:
    done: list[int] = []
    apart(lambda: done.append(threading.get_ident()))
    assert len(done) == 1
    assert done[0] != threading.get_ident()


def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)


def test_a_system_without_room_for_a_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", full)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        apart(int)


def test_who_is_interrupted_anywhere_hears_of_it_and_it_is_done_whole_or_not_begun() -> None:
    def here(code: CodeType) -> bool:
        return code.co_filename.endswith("admit/apart.py")

    def act(done: list[str]) -> None:
        done.append("begun")
        done.append("ended")

    place, done = 1, [""]
    while struck(partial(apart, partial(act, done := [])), place, here):
        assert done in ([], ["begun", "ended"]), f"after an interrupt at place {place}"
        place += 1
    assert place > 5
    assert done == ["begun", "ended"]


def test_an_interrupt_that_hits_the_new_thread_is_told_to_the_one_for_whom_it_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = _thread.start_new_thread
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread, kind = (ctypes.c_ulong(threading.get_ident()),), (ctypes.py_object(Interrupt),)

    def start_and_interrupt(*words: Any) -> int:
        started = start(*words)
        # Up to CPython 3.11 the new thread is hit by most of these: it has not run yet.
        [*map(raise_in, thread, kind)]
        return started

    monkeypatch.setattr(_thread, "start_new_thread", start_and_interrupt)
    done: list[int] = []
    for times in range(1, 101):
        with pytest.raises(Interrupt):
            apart(partial(done.append, times))
        wait_until(lambda times=times: len(done) == times)  # type: ignore[misc]  # bound on purpose
