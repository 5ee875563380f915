"""Leases, as the system's own events tell them: when each began, and how it ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from tests.chaos.history import Event

__all__ = ["AGAIN", "RECORDED", "UNRECORDED", "Lease", "Life", "lives_of"]

#: Ends for good, and all ends that a run reported and that were recorded.
FINAL = ("finished", "dead", "discarded", "cancelled")
RECORDED = (*FINAL, "retrying", "rate_limited")

#: Ends of a lease without a recorded finish: the job runs again.
UNRECORDED = ("reaped", "handed_back")

#: All ends after which it runs again.
AGAIN = (*UNRECORDED, "retrying", "rate_limited")


@dataclasses.dataclass(slots=True)
class Lease:
    """One delivery of one job.

    Attributes:
      job: The job.
      delivery: 1 for the first.
      pid: The worker process it was given to.
      began: µs at Redis.
      end: The event that ended it, None if nothing did.
    """

    job: str
    delivery: int
    pid: int
    began: Event
    end: Event | None = None


@dataclasses.dataclass(slots=True)
class Life:
    """One job from its sending to its end.

    Attributes:
      job: Its id.
      leases: In order.
      final: The event that ended it for good, None if nothing did.
      after: What was started although it had ended for good.
      doubled: Leases that began while another one of the same job was live.
      events: All of them, in order.
    """

    job: str
    leases: list[Lease] = dataclasses.field(default_factory=list)
    final: Event | None = None
    after: list[Event] = dataclasses.field(default_factory=list)
    doubled: list[Lease] = dataclasses.field(default_factory=list)
    events: list[Event] = dataclasses.field(default_factory=list)

    def take(self, event: Event) -> None:
        """Let one event happen."""
        self.events.append(event)
        if event.name == "started":
            self._start(event)
        elif event.name in RECORDED + UNRECORDED:
            if self.leases and self.leases[-1].end is None:
                self.leases[-1].end = event
            if event.name in FINAL:
                self.final = self.final or event

    def _start(self, event: Event) -> None:
        if self.final is not None:
            self.after.append(event)
        lease = Lease(self.job, len(self.leases) + 1, event.pid, event)
        if self.leases and self.leases[-1].end is None:
            self.doubled.append(lease)
        self.leases.append(lease)

    def ends(self, names: Sequence[str]) -> int:
        """How many of its events have one of these names."""
        return sum(event.name in names for event in self.events)


def lives_of(events: Iterable[Event]) -> Mapping[str, Life]:
    """Every job that an event names."""
    lives: dict[str, Life] = {}
    for event in events:
        if event.job:
            lives.setdefault(event.job, Life(event.job)).take(event)
    return lives
