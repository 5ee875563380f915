"""The history with everything that more than one check looks up in it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from tests.chaos.history import Event, History, Note
from tests.chaos.leases import Lease, Life, lives_of
from tests.chaos.project import CALLS

__all__ = ["SLACK", "Broken", "Evidence", "Tail"]

#: µs by which two readings of the same clock may seem to be in the wrong order.
SLACK = 1_000

#: µs before a crash whose writes may be missing where they are not saved before every answer: the
#: server holds writes back for at most 2 s while the disk is busy.
UNSAVED = 2_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was broken.

    Attributes:
      promise: ``I1`` to ``I5``.
      what: What was seen, in one sentence.
      job: The job whose history shows it, "" if it is none's.
    """

    promise: str
    what: str
    job: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Tail:
    """Writes that Redis may have forgotten.

    Attributes:
      since: µs after which a write may be forgotten.
      until: µs at which the server was gone.
    """

    since: int
    until: int


class Evidence:
    """A history, indexed.

    Parameters:
      history: What happened.
    """

    def __init__(self, history: History) -> None:
        self.history = history

    @cached_property
    def lives(self) -> Mapping[str, Life]:
        """Every job by its own events."""
        return lives_of(self.history.events)

    @cached_property
    def calls(self) -> Sequence[Event]:
        """The events of the workstream with the limits."""
        return [event for event in self.history.events if event.workstream == CALLS]

    @cached_property
    def leases(self) -> Sequence[Lease]:
        """All leases of that workstream."""
        jobs = dict.fromkeys(event.job for event in self.calls if event.job)
        return [lease for job in jobs for lease in self.lives[job].leases]

    @cached_property
    def lease_of(self) -> Mapping[tuple[str, int, int], Lease]:
        """Leases by job, delivery and process."""
        return {(x.job, x.delivery, x.pid): x for life in self.lives.values() for x in life.leases}

    @cached_property
    def starts(self) -> Sequence[Note]:
        """What jobs noted at their start."""
        return [note for note in self.history.notes if note.what == "start"]

    @cached_property
    def starts_of(self) -> Mapping[str, Sequence[Note]]:
        """The same by job."""
        found: dict[str, list[Note]] = defaultdict(list)
        for note in self.starts:
            found[note.job].append(note)
        return found

    @cached_property
    def end_of(self) -> Mapping[tuple[str, int, int], Note]:
        """What jobs noted at their end, by job, delivery and process: the first, if there are more."""
        ends = [note for note in reversed(self.history.notes) if note.what != "start"]
        return {(note.job, note.delivery, note.pid): note for note in ends}

    @cached_property
    def begun_calls(self) -> Sequence[Note]:
        """What the jobs of the workstream with the limits noted at their start."""
        return [note for note in self.starts if not note.of]

    @cached_property
    def tails(self) -> Sequence[Tail]:
        """What a crash of the server may have taken along; nothing where every write is saved first."""
        tails = []
        for fault in self.history.faults:
            if "kept_until" in fault.more:
                tails.append(Tail(fault.more["kept_until"], fault.ended))
            elif fault.kind in ("redis", "power") and self.history.settings.fsync != "always":
                tails.append(Tail(fault.began - UNSAVED, fault.ended))
        return tails

    def may_be_forgotten(self, began: int, ended: int) -> bool:
        """Whether a write made within this time may be missing."""
        return any(began <= tail.until and ended >= tail.since for tail in self.tails)
