"""One delivery of one job: what the exchange hands to a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dramatiq import Message
from dramatiq.broker import MessageProxy

__all__ = ["Delivery", "Grant", "lease_of"]


class Grant(NamedTuple):
    """What admission gave.

    Attributes:
      workstream: The workstream it was taken from.
      job_id: The job.
      delivery: Which delivery of the job this is; with the id, the proof of the lease.
      body: The record's immutable part.
      options: Its options.
      attempt: 1 for the first.
      key: The job's key, "" for none.
      started: Redis's µs at admission.
      asked: This process's monotonic seconds before it asked, so no later than admission.
      name: ``workstream/id~delivery``, by which leases are known.
    """

    workstream: str
    job_id: str
    delivery: int
    body: bytes
    options: bytes
    attempt: int
    key: str
    started: int
    asked: float
    name: str

    @classmethod
    def of(cls, words: Sequence[Any], asked: float) -> Grant:
        """Read a grant as the exchange script returns it.

        Parameters:
          words: workstream, id, delivery, body, options, attempt, key, started.
          asked: Monotonic seconds before the call that it answers.
        """
        _, _, delivery, body, options, attempt, key, started = words
        workstream, job_id = words[0].decode(), words[1].decode()
        name = f"{workstream}/{job_id}~{delivery}"
        return cls(
            workstream, job_id, delivery, body, options, attempt, key.decode(), int(started), asked, name
        )

    def finish(self, outcome: str, **details: Any) -> dict[str, Any]:
        """The words of a finish for the exchange script.

        Parameters:
          outcome: done, retry, defer, handback, dead or discard.
          **details: What rides on it, in the script's names.
        """
        return {"w": self.workstream, "i": self.job_id, "d": self.delivery, "o": outcome, **details}


def lease_of(finish: Mapping[str, Any]) -> str:
    """The name of the lease that a finish ends: as :attr:`Grant.name`."""
    return f"{finish['w']}/{finish['i']}~{finish['d']}"


class Delivery(MessageProxy):
    """A Dramatiq message on its way through a worker, with the lease it runs under.

    Attributes:
      grant: What admission gave.
      begun: Monotonic seconds at which its actor began, 0 before.
      record: What its finish will say; set by whoever decides the outcome.
      bound: µs after which its process may be ended for it; None is its workstream's.
      sealed: Whether the finish was handed to the exchange already.
      on_failure: Called as soon as its actor has failed, before anybody logs that: what interrupts a run
        must not come later, because Dramatiq's thread would end by it.
    """

    def __init__(self, message: Message[Any], grant: Grant, bound: int | None = None) -> None:
        super().__init__(message)
        # Dramatiq's proxy finds each of these by a failed look-up; hooks ask twenty times a job.
        self.__dict__.update(vars(message))
        self.grant = grant
        self.bound = bound
        self.begun = 0.0
        self.record: dict[str, Any] | None = None
        self.sealed = False
        self.on_failure: tuple[Callable[[Delivery], None], ...] = ()

    def stuff_exception(self, exception: BaseException) -> None:
        """Keep what the actor raised: the first that Dramatiq's worker does about a failure."""
        super().stuff_exception(exception)
        for hook in self.on_failure:
            hook(self)

    @property
    def message(self) -> Delivery:
        """Itself: a worker thread asks what it takes from its queue for the message in it."""
        return self

    def begin(self) -> None:
        """Note that the actor starts now."""
        self.begun = time.monotonic()

    @property
    def exception(self) -> BaseException | None:
        """What the worker caught, if anything."""
        return self._exception

    def finish(self, outcome: str, **details: Any) -> dict[str, Any]:
        """As :meth:`Grant.finish`, with how long its actor ran."""
        record = self.grant.finish(outcome, **details)
        if self.begun:
            record["us"] = round((time.monotonic() - self.begun) * 1_000_000)
        return record
