"""An interrupt at a line of one's choice, as a signal or a limit of time may bring it."""

from __future__ import annotations

import contextlib
import ctypes
import dis
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any


class Interrupt(BaseException):
    """What nobody expects at a line."""


def interrupted(act: Callable[[], object], line: int, counts: Callable[[CodeType], bool]) -> bool:
    """Do something, and raise at one of its lines.

    Parameters:
      act: What is done.
      line: Which line, of those that count, in the order in which they are run; the first is 1.
      counts: Whether the lines of some code count.

    Returns:
      Whether it came to that line.
    """
    seen = 0

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if not counts(frame.f_code):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise Interrupt
        return look

    with _undisturbed():
        sys.settrace(look)
        try:
            act()
        except Interrupt:
            return True
    assert seen < line, "the interrupt was swallowed"
    return False


def struck(act: Callable[[], object], step: int, counts: Callable[[CodeType], bool]) -> bool:
    """Do something, and have an exception raised in this thread as another thread raises one.

    Python looks for such an exception after a call, at the begin of a function and at the end of a turn of a
    loop; so nothing comes between the lock of a ``with`` and its block, where a line that raises would come.

    Parameters:
      act: What is done.
      step: At which of these places, of those that count, in the order in which they are run; the first is 1.
      counts: Whether the places in some code count.

    Returns:
      Whether it came to that place.
    """
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread, kind = (ctypes.c_ulong(threading.get_ident()),), (ctypes.py_object(Interrupt),)
    places: dict[CodeType, set[int]] = {}
    seen = 0

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if not counts(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in (places.get(frame.f_code) or _places(places, frame.f_code)):
            seen += 1
            if seen == step:
                sys.settrace(None)
                # Not by a call of this function, in which it would be raised then.
                [*map(raise_in, thread, kind)]
        return look

    with _undisturbed():
        try:
            sys.settrace(look)
            try:
                act()
            finally:
                sys.settrace(None)
            for _ in range(2):
                """It is raised here if it came to the last place of all."""
        except Interrupt:
            return True
    assert seen < step, "the interrupt was swallowed"
    return False


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """What traced before does so again. Meanwhile no garbage of others is closed: the interrupt would
    end that instead, and nobody would hear of it."""
    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()


def _places(known: dict[CodeType, set[int]], code: CodeType) -> set[int]:
    looks = ("RESUME", "CALL", "JUMP_BACKWARD")
    known[code] = {one.offset for one in dis.get_instructions(code) if one.opname.startswith(looks)}
    return known[code]
