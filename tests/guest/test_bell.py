"""A bell wakes who waits, whatever interrupts those who ring it and those who hear it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from types import CodeType

import pytest

from tests.interrupting import struck
from workstreams.guest.bell import Bell


def test_what_is_rung_before_one_waits_is_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    began = time.monotonic()
    bell.wait(10)
    assert time.monotonic() - began < 5
    began = time.monotonic()
    bell.wait(0.05)
    assert time.monotonic() - began >= 0.05


def test_who_waits_is_woken_by_another_thread() -> None:
    bell = Bell()
    began = time.monotonic()
    threading.Timer(0.05, bell.ring).start()
    bell.wait(10)
    assert 0.05 <= time.monotonic() - began < 5


@pytest.mark.parametrize("use", [Bell.ring, partial(Bell.wait, seconds=0.001)])
def test_a_bell_that_was_interrupted_anywhere_still_rings(use: Callable[[Bell], None]) -> None:
    def here(code: CodeType) -> bool:
        return code.co_filename.endswith(("guest/bell.py", "threading.py"))

    place = 1
    while struck(partial(use, bell := Bell()), place, here):
        bell.ring()
        began = time.monotonic()
        bell.wait(10)
        assert time.monotonic() - began < 5, f"after an interrupt at place {place}"
        place += 1
    assert place > 3
