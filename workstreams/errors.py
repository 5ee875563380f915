"""One tree of errors.

    WorkstreamsError
    ├── ConfigError            a file, a flag or a variable says something impossible
    ├── UnknownWorkstream      a name that no config declares
    │   └── UnknownLimit       and that is no limit's either
    ├── LimitNotPublished      a limit that is not in Redis yet
    ├── UnknownActor           an actor that this process has not imported
    ├── PayloadError           arguments that JSON cannot carry
    │   └── PayloadTooLarge
    ├── WorkstreamFull         the workstream's ``max_waiting`` is reached
    ├── CostTooHigh            a job that could never start under its rate
    ├── LimitTimeout           a limit had no room in the time that was given
    ├── JobNotFound            no record of this job is kept (any longer)
    ├── JobTimeout             a job has not ended in the time that was given
    ├── WrongJobState          a job is not in a state in which this can be done to it
    ├── NoResult               a job left no result, or it is kept no longer
    ├── RedisUnavailable       no server, or none that answers, or none that may be used
    │   └── NothingRunsHere    the embedded server of this project is not up
    └── RedisUnsuitable        the server answers but cannot hold the promises

Every message is one sentence: what was expected, what was found, what to do.
The data behind it is in the attributes. Where a send of several jobs fails, whatever the
error, it says what became of them: ``jobs``, ``sent``, ``in_doubt`` of the root.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = [
    "ConfigError",
    "CostTooHigh",
    "JobNotFound",
    "JobTimeout",
    "LimitNotPublished",
    "LimitTimeout",
    "NoResult",
    "NothingRunsHere",
    "PayloadError",
    "PayloadTooLarge",
    "Problem",
    "RedisUnavailable",
    "RedisUnsuitable",
    "UnknownActor",
    "UnknownLimit",
    "UnknownWorkstream",
    "WorkstreamFull",
    "WorkstreamsError",
    "WrongJobState",
    "nearest",
]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like *name*, or None if none is near enough to help."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f' (did you mean "{close}"?)' if close else ""


class WorkstreamsError(Exception):
    """Root of everything that workstreams raises on purpose.

    Jobs go to Redis in batches, each of them all or nothing, so a send may fail after some were sent.
    An id is sent once: to send ``error.jobs[error.sent:]`` again, with the broker's ``enqueue`` or
    ``enqueue_many``, sends what is missing and nothing twice, for as long as ended jobs are kept.

    Attributes:
      jobs: Where a send failed, the jobs of that call in their order; empty where none was tried.
      sent: How many of them, from the first on, Redis has for certain.
      in_doubt: Those of a batch whose answer did not come: all of them may be sent, or none. (Some,
        after RedisUnsuitable.) What stands behind them was not sent.
    """

    jobs: tuple[Any, ...] = ()
    sent: int = 0
    in_doubt: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
      expected: What would have been right, as a phrase.
      found: What stands there, as it was written.
      path: Dotted place inside the document, ``workstreams.mail.rate``.
      file: The file it stands in; None for the environment or a flag.
      line: 1-based line in the file; None where there is no file.
      hint: What to do about it, the nearest known name for one.
    """

    expected: str
    found: str
    path: str = ""
    file: Path | None = None
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{where}expected {self.expected}, found {self.found}{hint}"


class ConfigError(WorkstreamsError):
    """The config cannot be used.

    Attributes:
      problems: Every problem of every file, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def said_by(cls, text: str) -> ConfigError:
        """The same error as another process put it into words."""
        error = cls(())
        error.args = (text,)
        return error


class _Undeclared:
    """A name was asked for (``name``) that is none of those declared (``known``)."""

    _what = _hint = ""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        close, known = _did_you_mean(name, self.known), ", ".join(self.known) or "none"
        text = f'expected a declared {self._what}, found "{name}"{close}: declared are {known}{self._hint}'
        super().__init__(text)  # type: ignore[call-arg]  # that of the error it is mixed into


class UnknownWorkstream(_Undeclared, WorkstreamsError):
    """A workstream was named that the config does not declare: ``name`` is not in ``known``."""

    _what = "workstream"


class UnknownLimit(UnknownWorkstream):
    """A limit was named that is neither a workstream's nor one under ``limits:``."""

    _what = "workstream or limit"


class UnknownActor(_Undeclared, WorkstreamsError):
    """An actor was named that no imported module declares: ``name`` is not in ``known``."""

    _what = "actor"
    _hint = "; is its module listed under import: in the config?"


class LimitNotPublished(WorkstreamsError):
    """A limit (``name``) is declared, but not in Redis yet, so nothing of it can be changed."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f'expected the limit "{name}" in Redis, found nothing of it: start a worker with this config, or '
            "send a job to one of its workstreams, and change it then"
        )


class PayloadError(WorkstreamsError):
    """A job's arguments or options cannot travel as JSON."""


class PayloadTooLarge(PayloadError):
    """A job's arguments are larger than the workstream's ``max_payload``.

    Attributes:
      size: Bytes found.
      limit: Bytes allowed.
    """

    def __init__(self, workstream: str, size: int, limit: int) -> None:
        self.workstream, self.size, self.limit = workstream, size, limit
        super().__init__(
            f'expected at most {limit} bytes for a job of "{workstream}", found {size}: '
            "send a reference (an id, a path, a URL) or raise max_payload"
        )


class WorkstreamFull(WorkstreamsError):
    """The workstream holds as many waiting jobs as ``max_waiting`` allows.

    Attributes:
      workstream: Its name.
      limit: The jobs it may hold.
    """

    def __init__(self, workstream: str, limit: int) -> None:
        self.workstream, self.limit = workstream, limit
        super().__init__(
            f'expected fewer than {limit} jobs waiting in "{workstream}", found it full: '
            "send later, or raise max_waiting"
        )


class CostTooHigh(WorkstreamsError):
    """A job costs more than a whole window of a rate, so it could never start.

    Attributes:
      cost: The job's cost.
      limit: The name of the limit.
      permits: What that limit allows in one window.
    """

    def __init__(self, limit: str, cost: float, permits: float) -> None:
        self.limit, self.cost, self.permits = limit, cost, permits
        super().__init__(
            f'expected a cost of at most {permits:g} for the limit "{limit}", found {cost:g}: '
            "split the job, or raise the rate"
        )


_WAITS = {"concurrency": "all its slots are taken", "rate": "its rate is used up", "paused": "it is paused"}


class LimitTimeout(WorkstreamsError, TimeoutError):
    """A limit had no room for a block of code in the time that was given; nothing was taken.

    Attributes:
      limit: The limit that had none: the one that was asked for, or one that it is within.
      why: concurrency, rate or paused.
      retry_after: Seconds after which a rate has room, for a ``Retry-After`` header; None if nobody knows.
    """

    def __init__(self, limit: str, why: str, retry_after: float | None, asked: str, waited: str) -> None:
        self.limit, self.why, self.retry_after = limit, why, retry_after
        found = _WAITS.get(why, why)
        when = "" if retry_after is None else f" for another {retry_after:.3g} s"
        super().__init__(
            f'expected room under "{asked}" within {waited}, found none by the {why} of "{limit}" '
            f"({found}{when}): wait longer, or raise the limit"
        )


class JobNotFound(WorkstreamsError):
    """No record of the job is kept.

    Attributes:
      job_id: The id that was asked for.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f'expected the id of a job that is kept, found "{job_id}": '
            "finished jobs are forgotten after the workstream's keep: age and count"
        )


class JobTimeout(WorkstreamsError, TimeoutError):
    """A job has not ended in the time that was given; it goes on.

    Attributes:
      job_id: The job.
      state: Its state when the time was over.
    """

    def __init__(self, job_id: str, state: str, waited: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(
            f'expected job "{job_id}" to end within {waited}, found it {state}: '
            "wait longer, or look why with `workstreams job show`"
        )


class WrongJobState(WorkstreamsError):
    """What was asked cannot be done to a job in its state.

    Attributes:
      job_id: The job.
      state: The state it was found in.
    """

    def __init__(self, job_id: str, state: str, expected: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(f'expected job "{job_id}" {expected}, found it {state}: nothing was done')


class NoResult(WorkstreamsError):
    """There is no result of a job.

    Attributes:
      job_id: The job.
      state: Its state.
    """

    def __init__(self, job_id: str, state: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(
            f'expected a result of job "{job_id}", found none (it is {state}): results are kept for actors '
            "declared with store_results=True, once they are done, for a time"
        )


class RedisUnavailable(WorkstreamsError):
    """Redis could not be reached in time."""


class NothingRunsHere(RedisUnavailable):
    """The config says ``redis: embedded`` and no embedded server is up."""


class RedisUnsuitable(WorkstreamsError):
    """The server was reached, but is too old or set up so that promises cannot hold."""
