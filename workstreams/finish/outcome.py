"""What becomes of a run: done, retry, defer, handback, discard, cancelled or dead. One function decides."""

from __future__ import annotations

import dataclasses
import random
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Literal

from dramatiq import Retry
from dramatiq.middleware import Interrupt
from dramatiq.middleware.shutdown import Shutdown

from workstreams.admit.cancelling import Cancelled
from workstreams.finish.signals import Discard, RateLimited

__all__ = ["Outcome", "RetryPolicy", "backoff", "decide", "describe", "text_of"]

#: Characters of a traceback that a job record keeps.
TRACEBACK_CHARACTERS = 8_000


@dataclasses.dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a job is tried again; message over actor over workstream.

    Attributes:
      most: Retries after the first attempt; None is without end.
      min_backoff: µs before the first retry.
      max_backoff: µs at most.
      jitter: The share of a wait left to chance, 0 to 1.
      when: Says of (retries so far, error) whether to go on, instead of ``most``.
      throws: Errors that are never retried.
    """

    most: int | None
    min_backoff: int
    max_backoff: int
    jitter: float
    when: Callable[[int, BaseException], bool] | None = None
    throws: type[BaseException] | tuple[type[BaseException], ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
      kind: In the words of the finish script.
      wait: µs before it may start again.
      error: The error's description, None if there was none.
      why: One sentence for the log.
      scope: For a defer: what waits with the job, in the words of :class:`RateLimited`.
    """

    kind: Literal["done", "retry", "defer", "handback", "discard", "cancelled", "dead"]
    wait: int = 0
    error: Mapping[str, Any] | None = None
    why: str = ""
    scope: str = ""


def backoff(policy: RetryPolicy, retries: int) -> int:
    """The wait before the next retry: doubling from the least to the most, and a share of chance.

    Parameters:
      policy: Its bounds.
      retries: How many there were already.

    Returns:
      µs.
    """
    # 2**62 µs is past every bound; a larger power would only be a larger number.
    base: int = min(policy.max_backoff, policy.min_backoff * 2 ** min(retries, 62))
    return min(policy.max_backoff, round(base * (1 + policy.jitter * random.uniform(-1, 1))))


def text_of(error: BaseException) -> str:
    """An error's text as UTF-8 can carry it; one that cannot be told must not change the outcome."""
    try:
        return str(error).encode("utf-8", "replace").decode()
    except Exception:
        return "(an error whose text cannot be made)"


def describe(error: BaseException) -> dict[str, Any]:
    """An error as its job record keeps it."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
    except Exception:
        lines = []
    return {
        "type": type(error).__name__,
        "message": text_of(error)[:2_000],
        "traceback": "".join(lines)[-TRACEBACK_CHARACTERS:].encode("utf-8", "replace").decode(),
    }


def decide(error: BaseException | None, retries: int, policy: RetryPolicy) -> Outcome:
    """Decide what becomes of a run.

    Parameters:
      error: What it raised, None if it returned.
      retries: Retries spent before this run.
      policy: How it is tried again.
    """
    if error is None:
        return Outcome("done")
    if isinstance(error, Shutdown):
        return Outcome("handback", why="the worker stops")
    if isinstance(error, Cancelled):
        return Outcome("cancelled", why="it was cancelled")
    if isinstance(error, RateLimited):
        return Outcome("defer", wait=error.wait, why=text_of(error), scope=error.scope)
    if isinstance(error, Discard):
        return Outcome("discard", error={"type": "Discard", "message": text_of(error)}, why=text_of(error))
    if not isinstance(error, Exception | Interrupt):
        # SystemExit and the like inside a job are that job's failure, not the worker's end.
        return _retry_or_die(error, retries, policy)
    if policy.throws and isinstance(error, policy.throws):
        return Outcome("dead", error=describe(error), why="it throws this error on purpose")
    return _retry_or_die(error, retries, policy)


def _retry_or_die(error: BaseException, retries: int, policy: RetryPolicy) -> Outcome:
    if not _again(error, retries, policy):
        return Outcome("dead", error=describe(error), why=f"failed {retries + 1} times")
    if isinstance(error, Retry) and error.delay is not None:
        return Outcome("retry", wait=round(error.delay * 1000), error=describe(error))
    return Outcome("retry", wait=backoff(policy, retries), error=describe(error))


def _again(error: BaseException, retries: int, policy: RetryPolicy) -> bool:
    if policy.when is not None:
        try:
            return policy.when(retries, error)
        except Exception as failure:
            # A predicate that fails must not decide: the count does, and the record says why.
            error.add_note(f"retry_when failed: {failure!r}")
    return policy.most is None or retries < policy.most
