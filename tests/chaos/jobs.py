"""The jobs of a chaos session: each notes its own start and end, and calls a server as real ones do."""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dramatiq.middleware import CurrentMessage

from tests.chaos.notes import JOURNAL, RECEIVER, Notes, now_us
from workstreams import actor, current_job

__all__ = ["after", "call", "flaky", "tick"]

#: Seconds for one call of the receiver.
PATIENCE = 5.0


@lru_cache(maxsize=1)
def _journal() -> Notes:
    return Notes(os.environ[JOURNAL])


@contextlib.contextmanager
def _noted(*more: object) -> Iterator[None]:
    """Note the start at once, and the end, or the failure, as the last thing the job does."""
    job, end = current_job(), "fail"
    _journal().write("start", job.id, job.delivery, os.getpid(), now_us(), *more)
    try:
        yield
        end = "end"
    finally:
        _journal().write(end, job.id, job.delivery, os.getpid(), now_us())


@actor(workstream="calls")
def call(milliseconds: float) -> None:
    """Call the receiver, then work for so long."""
    began = time.monotonic()
    with _noted():
        _arrive()
        left = began + milliseconds / 1000 - time.monotonic()
        time.sleep(max(0.0, left))  # the work


@actor(workstream="calls")
def flaky(milliseconds: float) -> None:
    """Fail at the first attempt, after having called the receiver."""
    with _noted():
        _arrive()
        if current_job().attempt == 1:
            raise RuntimeError("the first attempt fails")
        time.sleep(milliseconds / 1000)  # the work


@actor(workstream="after")
def after(message: dict[str, Any], result: object) -> None:
    """What follows a call that is done: sent with its finish, or not at all."""
    with _noted(message["message_id"]):
        time.sleep(0.005)  # the work


@actor(workstream="ticks")
def tick() -> None:
    """Note which tick this is the job of."""
    message = CurrentMessage.get_current_message()
    assert message is not None
    with _noted(message.options["tick"]):
        time.sleep(0.01)  # the work


def _arrive() -> None:
    """Send one request; a receiver that does not answer is no failure of the job."""
    job = current_job()
    host, _, port = os.environ[RECEIVER].rpartition(":")
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            connection.request("POST", f"/{job.id}/{job.delivery}")
            connection.getresponse().read()
        finally:
            connection.close()
