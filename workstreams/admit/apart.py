"""Does what must not be interrupted, for a thread that may be."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Generator

from dramatiq.middleware import raise_thread_exception

__all__ = ["apart"]

#: Seconds to wait for it after an interrupt.
PATIENCE = 1.0


def apart(act: Callable[[], object]) -> None:
    """Do something in a thread that nobody can interrupt, and wait for its end.

    A time limit, a cancel and a shutdown raise an exception in a job's thread, between any two steps of
    Python. Much of :mod:`threading` is Python and not made for that; a thread that is to be started is lost:
    up to CPython 3.11 it bears its parent's identity until it runs, so what is raised in the parent ends the
    child before its first step, and ``Thread.start`` waits for that step for ever.

    Parameters:
      act: What is done, to its end, even if the one who waits for it is interrupted. It is to be short.

    Raises:
      RuntimeError: When the system has no room for another thread.
      Exception: What was raised by it.
    """
    done = threading.Lock()
    done.acquire()
    errors: list[Exception] = []
    steps = _steps(act, threading.get_ident(), errors, done.release)
    next(steps)
    try:
        _thread.start_new_thread(next, (steps, None))
    except RuntimeError:
        raise
    except BaseException:
        # It has been started all the same, and while it has not run it would take the next interrupt as well.
        done.acquire(timeout=PATIENCE)
        raise
    done.acquire()
    if errors:
        raise errors[0]


def _steps(
    act: Callable[[], object], caller: int, errors: list[Exception], done: Callable[[], None]
) -> Generator[None, None, None]:
    """What the caller begins and the new thread goes on with: so even its first step is within a try."""
    try:
        yield
    except BaseException as stray:
        if isinstance(stray, GeneratorExit) or threading.get_ident() == caller:
            # The caller was interrupted before there was another thread.
            raise
        raise_thread_exception(caller, type(stray))  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
    try:
        act()
    except Exception as error:
        errors.append(error)
    finally:
        done()
