"""What the holder of a job may ask and do: carried out by Dramatiq's broker, if it is one of ours.

A job is plain data that travels, so it holds no connection: like Dramatiq's ``get_result`` its methods
use the global broker, the one that ``dramatiq.get_broker()`` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from dramatiq import Message, get_broker

__all__ = ["Handle", "JobStatus", "Operations"]

R = TypeVar("R", covariant=True)


class JobStatus(Protocol):
    """What is true of a job; :class:`workstreams.state.JobState` says what each attribute means."""

    @property
    def state(self) -> str:
        """scheduled, waiting, running, done, dead, cancelled or discarded."""

    @property
    def has_ended(self) -> bool:
        """Whether it will not run unless it is retried."""

    @property
    def hold(self) -> Any:
        """Why it waits: ``hold.why``, ``hold.limit``, ``hold.free_at``."""

    @property
    def attempt(self) -> int:
        """Attempts spent, the running or last one included."""

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Its last error: ``type``, ``message``, ``traceback``."""

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """``fraction``, ``step`` and ``at`` as it last said."""

    def record(self) -> dict[str, Any]:
        """All of it as JSON shows it."""


class Operations(Protocol):
    """Who carries out what is asked of a job."""

    def status(self, job: Message[Any]) -> JobStatus:
        """See :meth:`Handle.status`."""
        ...

    def wait(self, job: Message[Any], timeout: str | timedelta | None) -> JobStatus:
        """See :meth:`Handle.wait`."""
        ...

    def result(self, job: Message[Any], timeout: str | timedelta | None) -> Any:
        """See :meth:`Handle.result`."""
        ...

    def logs(self, job: Message[Any]) -> list[dict[str, Any]]:
        """See :meth:`Handle.logs`."""
        ...

    def cancel(self, job: Message[Any]) -> str:
        """See :meth:`Handle.cancel`."""
        ...

    def retry(self, job: Message[Any]) -> None:
        """See :meth:`Handle.retry`."""
        ...


class Handle(Message[R]):
    """The methods of a job besides those of a Dramatiq message."""

    def status(self) -> JobStatus:
        """Its state, and why it waits if it does.

        Raises:
          JobNotFound: When no record of it is kept any longer.
          RedisUnavailable: When Redis cannot be asked.
        """
        return _operations().status(self)

    def wait(self, timeout: str | timedelta | None = None) -> JobStatus:
        """Wait until it is done, dead, cancelled or discarded; told by Redis, not by polling.

        Parameters:
          timeout: "10s" or a timedelta; None is for ever.

        Returns:
          Its state then; that it ended well is for the caller to see.

        Raises:
          JobTimeout: When it has not ended in time. It goes on.
          JobNotFound, RedisUnavailable
        """
        return _operations().wait(self, timeout)

    def result(self, timeout: str | timedelta | None = None) -> R:
        """What its actor returned, if the actor stores results.

        Parameters:
          timeout: Wait so long for its end first; None is not to wait.

        Raises:
          NoResult: When there is none.
          dramatiq.results.ResultFailure: When the actor failed.
          JobTimeout, JobNotFound, RedisUnavailable
        """
        found: R = _operations().result(self, timeout)
        return found

    def logs(self) -> list[dict[str, Any]]:
        """Its own lines and the system's events about it, in the order in which they happened.

        Raises:
          JobNotFound, RedisUnavailable
        """
        return _operations().logs(self)

    def cancel(self) -> str:
        """End it if it waits; ask it to stop if it runs.

        A running one is interrupted by :class:`workstreams.Cancelled` at its next step of Python, or
        cancelled if it is ``async``. What has not ended ten seconds later is ended with its process.

        Returns:
          "cancelled", or "cancelling" while it still runs; :meth:`wait` tells how it ends.

        Raises:
          WrongJobState: When it has ended otherwise.
          JobNotFound, RedisUnavailable
        """
        return _operations().cancel(self)

    def retry(self) -> None:
        """Let it wait again with all its attempts, once it has ended; start it now if it is scheduled.

        Raises:
          WrongJobState: When it waits or runs.
          JobNotFound, RedisUnavailable
        """
        _operations().retry(self)


def _operations() -> Operations:
    broker = get_broker()
    found: Operations | None = getattr(broker, "operations", None)
    if found is None:
        raise TypeError(
            f"expected Dramatiq's broker to be one that workstreams built, found a {type(broker).__name__}: "
            "import workstreams before anything sets a broker"
        )
    return found
