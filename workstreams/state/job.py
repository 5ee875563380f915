"""What is true of one job."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from workstreams.send.cost import Cost
from workstreams.state.decoding import stamp_or_none
from workstreams.state.workstream import Hold

__all__ = ["ENDED", "STATES", "JobState"]

#: States in which a job stays.
ENDED = ("done", "dead", "cancelled", "discarded")
STATES = ("scheduled", "waiting", "running", *ENDED)


@dataclasses.dataclass(frozen=True, slots=True)
class JobState:
    """One job's record, and why it waits. Its payload is as it was sent: redact it before it is shown.

    Attributes:
      id: Its id.
      workstream: Its workstream.
      actor: What runs.
      state: scheduled, waiting, running, done, dead, cancelled or discarded.
      hold: Why it waits, if it does.
      ahead: Jobs of its key that come before it; None unless it is ready.
      args: Its positional arguments.
      kwargs: Its keyword arguments.
      options: Its options, Dramatiq's counters included.
      key: Its key, "" for none.
      cost: What it weighs against rates: a number, or one for each limit by name.
      attempt: Attempts spent, the running or last one included; a hand-back spends none.
      deliveries: Times it was given to a worker.
      crashes: Deliveries that ended with their worker.
      error: The last error: type, message, traceback; None if there was none.
      worker: Who runs it or ran it last, "" if nobody did.
      sent: µs since 1970.
      due: µs since 1970 at which it may start; None if it was never held back.
      started: µs since 1970 of the last start.
      ended: µs since 1970.
      cancelling: Whether it runs and was asked to stop.
      progress: ``{"fraction": 0.5, "step": "…", "at": "…"}`` as it last said; None if it said nothing.
      problem: Why the record cannot be read in full, "" if it can.
    """

    id: str
    workstream: str
    actor: str
    state: str
    hold: Hold
    ahead: int | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    key: str
    cost: Cost
    attempt: int
    deliveries: int
    crashes: int
    error: Mapping[str, Any] | None
    worker: str
    sent: int | None
    due: int | None
    started: int | None
    ended: int | None
    cancelling: bool = False
    progress: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether it will not run unless it is retried."""
        return self.state in ENDED

    @property
    def at(self) -> int:
        """µs since 1970 of the latest of: sent, started, ended."""
        return max(self.sent or 0, self.started or 0, self.ended or 0)

    def record(self) -> dict[str, Any]:
        """As JSON shows it: stable keys, times in ISO 8601."""
        return {
            "job": self.id,
            "workstream": self.workstream,
            "actor": self.actor,
            "state": self.state,
            "held": self.hold.record(),
            "ahead": self.ahead,
            "args": list(self.args),
            "kwargs": dict(self.kwargs),
            "options": dict(self.options),
            "key": self.key or None,
            "cost": dict(self.cost) if isinstance(self.cost, Mapping) else self.cost,
            "attempt": self.attempt,
            "deliveries": self.deliveries,
            "crashes": self.crashes,
            "error": None if self.error is None else dict(self.error),
            "worker": self.worker or None,
            "sent": stamp_or_none(self.sent),
            "due": stamp_or_none(self.due),
            "started": stamp_or_none(self.started),
            "ended": stamp_or_none(self.ended),
            "cancelling": self.cancelling,
            "progress": None if self.progress is None else dict(self.progress),
            "problem": self.problem or None,
        }
