"""The event loop of a worker's ``async`` actors, on a thread that keeps no process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import Any, Generic, TypeVar

from dramatiq import Broker
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.logging import get_logger
from dramatiq.middleware import AsyncIO, Interrupt, Middleware

__all__ = ["WorkstreamAsyncIO", "WorkstreamEventLoop"]

#: Seconds for the loop to begin.
START = 5.0

#: Seconds that a coroutine has to clean up before it is cancelled once more: as long as Dramatiq gives it.
AGAIN = 1.0

R = TypeVar("R")


class _Run(Generic[R]):
    """One coroutine on the loop, as the thread that waits for it sees it.

    Attributes:
      done: Set when it is over for certain, its cleaning up included.
      result: What it returned.
      error: What it raised, if anything.
    """

    def __init__(self, awaitable: Awaitable[R], loop: asyncio.AbstractEventLoop) -> None:
        self.done = threading.Event()
        self.result: R | None = None
        self.error: BaseException | None = None
        self._awaitable = awaitable
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Let it run in a copy of this thread's context, by which a job is known as the current one."""
        self._loop.call_soon_threadsafe(self._begin)

    def cancel(self) -> None:
        """Cancel it where it waits; a coroutine may clean up, or go on all the same."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._go())
        self._task.add_done_callback(self._end)

    async def _go(self) -> None:
        try:
            self.result = await self._awaitable
        except BaseException as error:
            # A SystemExit among them: raised here, it would end the loop of all others.
            self.error = error

    def _cancel(self) -> None:
        if self._task is None:
            # The interrupt came before it was to begin; what is called from one thread keeps its order.
            self._never_begin()
        else:
            self._task.cancel()

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._never_begin()
        self.done.set()

    def _never_begin(self) -> None:
        self.error = asyncio.CancelledError()
        if asyncio.iscoroutine(self._awaitable):
            self._awaitable.close()
        self.done.set()


class WorkstreamEventLoop(EventLoopThread):
    """Dramatiq's thread of an event loop, on which no job goes on once its thread was freed."""

    def __init__(self) -> None:
        super().__init__(get_logger(__name__, type(self)))  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        self.daemon = True

    def run_coroutine(self, coro: Awaitable[R]) -> R:
        """Run a coroutine on the loop, and wait until it is over.

        An interrupt of this thread cancels it, once a second until it is over: Dramatiq's own gives up
        after a second, and the job would be tried again beside itself. One that goes on for ever is
        ended with its process. What it returns in spite of its cancellation counts, as it does in a thread.

        Parameters:
          coro: The coroutine.

        Raises:
          RuntimeError: When the loop does not run.
          Interrupt: When this thread was interrupted, and the coroutine did not return.
        """
        if not self.loop.is_running():
            raise RuntimeError("expected the event loop to run, found it stopped")
        run = _Run(coro, self.loop)
        try:
            try:
                run.begin()
                while not run.done.wait(self.interrupt_check_ival):
                    # Between two waits: an interrupt is raised by Python's steps only.
                    continue
            except Interrupt as interrupt:
                _cancel_until_done(run)
                if run.error is not None:
                    cancelled = isinstance(run.error, asyncio.CancelledError)
                    raise interrupt from (None if cancelled else run.error)
            if run.error is not None:
                raise run.error
            return run.result  # type: ignore[return-value]  # it is set when there is no error
        finally:
            # The traceback of its error holds this frame, which must not hold the error.
            del run


def _cancel_until_done(run: _Run[Any]) -> None:
    while not run.done.is_set():
        try:
            run.cancel()
            run.done.wait(AGAIN)
        except Interrupt:
            # Another reason to stop, which frees the thread no sooner.
            continue


class WorkstreamAsyncIO(AsyncIO):
    """Dramatiq's ``AsyncIO`` over a loop of ours."""

    def absorb(self, other: Middleware) -> bool:
        """Be enough where one of Dramatiq's is added: a second loop would never be stopped."""
        return type(other) is AsyncIO

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        """Start the loop."""
        thread = WorkstreamEventLoop()
        thread.start(timeout=START)
        set_event_loop_thread(thread)
