"""Lists jobs, newest first, by reading the ends of indexes and the records they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from workstreams.declare.config import Config
from workstreams.state.decoding import moment, text
from workstreams.state.job import JobState
from workstreams.state.job_ids import INDEXES, ids_of
from workstreams.state.job_record import FIELDS, Fields, error_type, job_state
from workstreams.state.status import ask
from workstreams.state.workstream import Hold
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["JobFilter", "Listing", "list_jobs"]

#: Records looked at in one index before its search for the wanted ones ends.
LOOKED_AT = 2000
_PAGE = 100
_SHORT = ("state", "actor", "key", "sent", "started", "ended")


@dataclasses.dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted.

    Attributes:
      state: Only those in this state.
      actor: Only those of this actor.
      key: Only those with this key.
      since: Only those sent, started or ended at this time or later, in µs since 1970.
      limit: At most so many.
      error: Only those whose last error is of this type, by its exact name: ``ValueError``.
    """

    state: str | None = None
    actor: str | None = None
    key: str | None = None
    since: int | None = None
    limit: int = 50
    error: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """What of a record tells whether it is wanted; an error is long, so it is read where it matters."""
        return _SHORT if self.error is None else (*_SHORT, "error")

    def wants(self, found: Sequence[bytes | None]) -> bool:
        """Whether a record with these ``fields`` is wanted."""
        state, actor, key, *times = found[: len(_SHORT)]
        if state is None or (self.state is not None and text(state) != self.state):
            return False
        if self.actor is not None and text(actor) != self.actor:
            return False
        if self.key is not None and text(key) != self.key:
            return False
        if self.error is not None and error_type(found[-1]) != self.error:
            return False
        return self.since is None or _latest(times) >= self.since


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What was found.

    Attributes:
      jobs: Newest first by the latest of: sent, started, ended.
      complete: Whether nothing was left unread that might be wanted, besides what is over the limit.
    """

    jobs: tuple[JobState, ...]
    complete: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    at: int
    job: str
    workstream: str


def list_jobs(link: Link, config: Config, names: Iterable[str] | None, wanted: JobFilter) -> Listing:
    """The newest jobs that are wanted; of scheduled ones those that are due soonest.

    At most 2,000 records of each index of each workstream are looked at, however many there are.

    Parameters:
      link: Where they are.
      config: Declares the workstreams.
      names: Which workstreams; None is all that are declared.
      wanted: Which jobs.

    Raises:
      UnknownWorkstream: When the config does not declare one of them.
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    found: dict[tuple[str, str], _Found] = {}
    complete = True
    for name in list(config.workstreams if names is None else names):
        config.workstream(name)
        for index in sorted({INDEXES[wanted.state]} if wanted.state else set(INDEXES.values())):
            some, all_read = _search(link, name, index, wanted)
            complete = complete and all_read
            found |= {(one.workstream, one.job): one for one in some}
    newest = sorted(found.values(), key=lambda one: (one.at, one.job), reverse=True)[: wanted.limit]
    return Listing(tuple(_states(link, config, newest, wanted)), complete)


def _search(link: Link, name: str, index: str, wanted: JobFilter) -> tuple[list[_Found], bool]:
    """What is wanted of one index, and whether its search came to an end by itself."""
    key = wanted.key if index == "keys" else None
    ids = ids_of(link, name, index, key, wanted.since)
    found: list[_Found] = []
    looked = 0
    while looked < LOOKED_AT:
        page = list(islice(ids, _PAGE))
        found += _wanted_of(link, name, page, wanted)
        if len(page) < _PAGE or len(found) >= wanted.limit:
            return found, True
        looked += len(page)
    return found, next(ids, None) is None


def _wanted_of(link: Link, name: str, page: Sequence[str], wanted: JobFilter) -> Iterator[_Found]:
    replies = _read(link, [(name, job) for job in page], wanted.fields)
    for job, reply in zip(page, replies, strict=True):
        if wanted.wants(reply):
            yield _Found(_latest(reply[3 : len(_SHORT)]), job, name)


def _states(link: Link, config: Config, newest: Sequence[_Found], wanted: JobFilter) -> Iterator[JobState]:
    for start in range(0, len(newest), _PAGE):
        page = newest[start : start + _PAGE]
        replies = _read(link, [(one.workstream, one.job) for one in page], FIELDS)
        records: list[Fields] = [dict(zip(FIELDS, reply, strict=True)) for reply in replies]
        waiting = {
            (one.workstream, text(record["key"]))
            for one, record in zip(page, records, strict=True)
            if text(record["state"]) == "waiting"
        }
        holds = _holds(link, config, sorted(waiting))
        for one, record in zip(page, records, strict=True):
            # Its state may have changed since the index was read, or it was forgotten.
            state = text(record["state"])
            if state and (wanted.state is None or state == wanted.state):
                hold = holds[one.workstream, text(record["key"])] if state == "waiting" else Hold("")
                yield job_state(one.job, one.workstream, record, hold)


def _holds(link: Link, config: Config, lines: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Hold]:
    """Why the next job of each workstream and key waits, and so those behind it."""
    states = ask(link, config, [(name, 1, key) for name, key in lines])
    return {line: state.hold for line, state in zip(lines, states, strict=True)}


def _read(link: Link, jobs: Sequence[tuple[str, str]], fields: Sequence[str]) -> list[list[bytes | None]]:
    with readable(link):
        pipe = link.scripts.client.pipeline(transaction=False)
        for name, job in jobs:
            pipe.hmget(link.keys.workstream(name, "job", job), list(fields))
        replies: list[Any] = pipe.execute()
    return replies


def _latest(times: Sequence[bytes | None]) -> int:
    return max(moment(time) or 0 for time in times)
