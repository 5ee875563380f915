"""An interrupt at a line of one's choice, as a signal or a limit of time may bring it."""

from __future__ import annotations

import sys
from collections.abc import Callable
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

    before = sys.gettrace()
    sys.settrace(look)
    try:
        act()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False
