"""The block of code that a limit lets in, for threads and for coroutines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from workstreams.errors import LimitTimeout, PayloadError, WorkstreamsError
from workstreams.guest.bell import Bell, LoopBell
from workstreams.guest.desk import LONG_LOOK, Desks, Refused
from workstreams.guest.visit import Visit
from workstreams.send.cost import Cost, cost_of
from workstreams.units import format_duration, parse_duration

__all__ = ["LimitBlock", "timeout_of"]

T = TypeVar("T")


def timeout_of(timeout: str | timedelta | float | None) -> int | None:
    """How long to wait, in µs; None is for ever.

    Raises:
      PayloadError: When it is no duration; of bare numbers only 0 is one.
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta) and timeout >= timedelta(0):
        return timeout // timedelta(microseconds=1)
    if timeout == 0 and not isinstance(timeout, bool | timedelta):
        return 0
    try:
        return parse_duration(timeout if isinstance(timeout, str) else "")
    except ValueError as error:
        raise PayloadError(
            f"expected a timeout that is {error}, or 0 to try once, found {timeout!r}"
        ) from None


class LimitBlock:
    """What :func:`workstreams.limit` returns: to be entered once, by ``with`` or by ``async with``."""

    def __init__(self, desks: Desks, name: str, cost: Cost, timeout: str | timedelta | float | None) -> None:
        self._desks = desks
        self._name = name
        self._cost = cost
        self._timeout = timeout_of(timeout)
        self._deadline: float | None = None
        self._visit: Visit | None = None
        self._begun = False

    @property
    def lost(self) -> bool:
        """Whether others may have had its slot: this process was not heard of for longer than the lease."""
        return self._visit is not None and self._visit.lost

    def __enter__(self) -> Self:
        self._begin()
        visit = self._visit = self._open()
        bell = Bell()
        try:
            try:
                visit.desk.hearing.expect(visit.sid, visit.want, bell)
                waits = self._left() > 0
                while (refused := visit.ask(waits=waits)) is not None:
                    bell.wait(self._pause(visit, refused, last=not waits))
                    waits = self._left() > 0
            finally:
                visit.desk.hearing.forget(visit.sid)
            return self
        except WorkstreamsError:
            raise
        except BaseException:
            visit.abandon()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._visit is not None:
            self._visit.leave()

    async def __aenter__(self) -> Self:
        self._begin()
        visit = self._visit = await _in_thread(self._open)
        bell = LoopBell()
        try:
            try:
                visit.desk.hearing.expect(visit.sid, visit.want, bell)
                waits = self._left() > 0
                while (refused := await _in_thread(partial(visit.ask, waits=waits))) is not None:
                    await bell.wait(self._pause(visit, refused, last=not waits))
                    waits = self._left() > 0
            finally:
                visit.desk.hearing.forget(visit.sid)
            return self
        except WorkstreamsError:
            raise
        except BaseException:
            # Not waited for: whoever cancels is in a hurry, and a loop that ends waits for its threads.
            _in_thread(visit.abandon)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._visit is not None:
            await asyncio.shield(_in_thread(self._visit.leave))

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError(
                f'expected a block of "{self._name}" to be entered once, found it entered again: '
                "call workstreams.limit for each"
            )
        self._begun = True
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout / 1_000_000

    def _open(self) -> Visit:
        desk = self._desks.open(self._name)
        declared = desk.config.workstreams.get(self._name)
        known = (self._name, *(declared.within if declared is not None else ()))
        return Visit(desk, self._name, cost_of(self._cost, self._name, known))

    def _left(self) -> float:
        """Seconds."""
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    def _pause(self, visit: Visit, refused: Refused, *, last: bool) -> float:
        """Seconds to wait before the next try.

        Raises:
          LimitTimeout: When this was the last one.
        """
        if last:
            waited = format_duration(self._timeout or 0)
            raise LimitTimeout(refused.limit, refused.why, refused.wait, self._name, waited)
        hearing = visit.desk.hearing
        if refused.why == "rate" and not hearing.is_first(visit.sid):
            # A rate opens for one at a time: who comes first asks, and wakes the next when it is in.
            return max(0.0, min(LONG_LOOK, self._left()))
        if refused.is_called:
            hearing.listen()
        return max(0.0, min(refused.pause, self._left()))


def _in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(None, call)
