"""The job that runs here: bound where a run begins, unbound where it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from workstreams.admit.cancelling import Cancellation, Cancelled, Cancelling
from workstreams.run.progress import Progress
from workstreams.send.cost import Cost

__all__ = ["CurrentJob", "bind", "current_fields", "current_job", "unbind"]


def _never() -> Cancellation:
    """The cancellation of what no worker runs."""
    return Cancellation(Cancelling(), "")


def _nobody(cost: Cost) -> None:
    """The charge of what no worker runs."""
    raise RuntimeError(f"expected a job that a worker runs, found one made by hand: nobody takes {cost!r}")


@dataclasses.dataclass(frozen=True, slots=True)
class CurrentJob:
    """What a running job knows of itself.

    Attributes:
      id: The job's id.
      workstream: The workstream it runs in.
      actor: The actor that runs.
      attempt: 1 for the first.
      delivery: 1 for the first; a redelivery after a crash counts here and not as an attempt.
      key: Its key, "" for none.
      worker: The process that runs it.
    """

    id: str
    workstream: str
    actor: str
    attempt: int
    delivery: int
    key: str
    worker: str
    write: Callable[[str, Mapping[str, Any]], None] = dataclasses.field(repr=False, compare=False)
    cancellation: Cancellation = dataclasses.field(default_factory=_never, repr=False, compare=False)
    charging: Callable[[Cost], None] = dataclasses.field(default=_nobody, repr=False, compare=False)
    _progress: Progress = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_progress", Progress(self.write))

    def log(self, event: str, **fields: Any) -> None:
        """Write a line to this job's log.

        Parameters:
          event: What happened.
          **fields: Further fields; what JSON cannot carry is written as its repr.
        """
        self.write(event, fields)

    def progress(self, fraction: float, *, step: str | None = None) -> None:
        """Say how far the job is; ``job show`` shows what it said last.

        It is a line ``progress`` of the job's log, and takes its way: no call of Redis, and lost where
        lines are. At most one a second is written, and always the last.

        Parameters:
          fraction: From 0 to 1.
          step: What it does now.

        Raises:
          ValueError: When the fraction is none.
        """
        self._progress.say(fraction, step)

    def charge(self, cost: Cost) -> None:
        """Add to what this job weighs against rates: what it only learns while it runs, such as tokens used.

        The rates of its workstream, of the limits that is within and of the job's key count it from now on,
        over what they allow if need be: then nothing starts under them until it fits again. What a job said
        when it was sent is never given back. An attempt that runs again charges again.

        One short call of Redis; in an ``async`` job give it to a thread, as in
        ``await asyncio.to_thread(current_job().charge, 1200)``.

        Parameters:
          cost: A number of 0 or more for all these rates, or one for each limit by name as in
            ``{"tokens": 1200}``; a limit that is not named is charged nothing.

        Raises:
          PayloadError: When it is below 0, no number, or names a limit that does not hold here.
          RedisUnavailable: When Redis did not answer within seconds. Whether it was charged is unknown; a job
            that can live with that may go on.
        """
        self.charging(cost)

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled this job, for one that wants to stop at a place of its choice.

        A job that never asks is interrupted by :class:`workstreams.Cancelled` at once. One that asks is
        interrupted half a second after its cancel, and no longer once it was told so: it may finish what it
        has begun, and ends as cancelled if it raises ``Cancelled``, as done if it returns. What has
        not ended ten seconds after its cancel is ended with its process.
        """
        return self.cancellation.wait(0)

    def sleep(self, seconds: float) -> None:
        """Sleep so that the job can be stopped: ``time.sleep`` is interrupted only when it is over.

        Not for ``async`` jobs, whose ``asyncio.sleep`` is cancelled anyway.

        Parameters:
          seconds: How long.

        Raises:
          Cancelled: When somebody cancelled the job, at once.
        """
        if self.cancellation.wait(seconds):
            raise Cancelled("cancelled while it slept")

    def flush(self) -> None:
        """Write the progress that is held back, if any is."""
        self._progress.flush()

    def fields(self) -> Mapping[str, Any]:
        """The fields that every line of this job carries."""
        fields: dict[str, Any] = {"workstream": self.workstream, "job": self.id, "actor": self.actor}
        fields["attempt"] = self.attempt
        if self.key:
            fields["key"] = self.key
        fields["worker"] = self.worker
        return fields


class _Bound:
    """A job that may be described: few jobs ask who they are, so most are never described."""

    __slots__ = ("_describe", "_described")

    def __init__(self, describe: Callable[[], CurrentJob]) -> None:
        self._describe = describe
        self._described: dict[str, CurrentJob] = {}

    def job(self) -> CurrentJob:
        # Threads that a job starts in its context share this; they must share one progress as well.
        return self._described.get("job") or self._described.setdefault("job", self._describe())

    def flush(self) -> None:
        for job in self._described.values():
            job.flush()


_NOTHING: Mapping[str, Any] = MappingProxyType({})
_current: ContextVar[_Bound | None] = ContextVar("workstreams_current_job", default=None)


def bind(describe: Callable[[], CurrentJob]) -> None:
    """Make a job the current one of this thread or task.

    Parameters:
      describe: Makes the job when it is first asked for.
    """
    _current.set(_Bound(describe))


def unbind() -> None:
    """Leave no job current here; what it held back is written first."""
    bound = _current.get()
    if bound is not None:
        bound.flush()
    _current.set(None)


def current_job() -> CurrentJob:
    """The job that runs here.

    Raises:
      RuntimeError: Outside a job.
    """
    bound = _current.get()
    if bound is None:
        raise RuntimeError("expected to be called inside a running job, found none running in this thread")
    return bound.job()


def current_fields() -> Mapping[str, Any]:
    """The fields of the job that runs here; none outside a job."""
    bound = _current.get()
    return _NOTHING if bound is None else bound.job().fields()
