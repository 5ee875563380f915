"""What is true of one workstream."""

from __future__ import annotations

import dataclasses
from typing import Any

from workstreams.state.decoding import stamp_or_none
from workstreams.units import Rate, format_number

__all__ = ["Hold", "Minute", "Overridden", "RateUse", "SlotUse", "WorkstreamState"]

_MINUTE = 60_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class RateUse:
    """How much of a rate is used.

    Attributes:
      limit: The limit it belongs to: the workstream itself, or one that it is within.
      permits: What may be admitted in one window.
      window: Its length in µs.
      used: Costs admitted in the window that ends now.
      pace: Permits in one window to which an upstream's refusal has lowered it; None if it is whole.
    """

    limit: str
    permits: int
    window: int
    used: float
    pace: float | None = None

    def record(self) -> dict[str, Any]:
        """As JSON shows it; times in ms."""
        return {
            "limit": self.limit,
            "used": self.used,
            "permits": self.permits,
            "window_ms": self.window / 1000,
            "pace": self.pace,
        }

    def __str__(self) -> str:
        lowered = "" if self.pace is None else f" (lowered to {format_number(self.pace, 3)})"
        return f"{format_number(self.used, 6)} of {Rate(self.permits, self.window)}{lowered}"


@dataclasses.dataclass(frozen=True, slots=True)
class SlotUse:
    """How many of a concurrency's slots are held.

    Attributes:
      limit: The limit it belongs to.
      used: Jobs that run under it.
      allowed: Jobs that may.
    """

    limit: str
    used: int
    allowed: int

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.used} of {self.allowed}"


@dataclasses.dataclass(frozen=True, slots=True)
class Overridden:
    """What an operator changed, so that it is not as the file says.

    Attributes:
      limit: The limit it belongs to.
      what: ``rates`` or ``concurrency``.
      file: What the file says, in words: ``50/s``, ``10``, ``none``.
    """

    limit: str
    what: str
    file: str

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """Why work waits.

    Attributes:
      why: paused, rate, concurrency, key (the job's own key, or all keys that have jobs), unsettled (its
        settings are not in Redis), no worker (no live session lists it), next (it is about to start), or
        "" when nothing waits.
      limit: The limit that holds it, "" where none does.
      free_at: µs since 1970 at which a rate has room again.
      slots: The slots that are all taken, for a concurrency.
      of_key: For a key what holds it: paused, rate, concurrency or upstream, which refused it; ``key`` when
        it is all of them.
    """

    why: str
    limit: str = ""
    free_at: int | None = None
    slots: SlotUse | None = None
    of_key: str = ""

    def record(self) -> dict[str, Any] | None:
        """As JSON shows it; None when nothing waits."""
        if not self.why:
            return None
        slots = (self.slots.used, self.slots.allowed) if self.slots else (None, None)
        return {
            "reason": self.why,
            "limit": self.limit or None,
            "free_at": stamp_or_none(self.free_at),
            "used": slots[0],
            "allowed": slots[1],
            "of_key": self.of_key or None,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Minute:
    """What happened in one minute.

    Attributes:
      sent: Jobs that arrived.
      done: Jobs that ended well.
      retried: Attempts that failed and are tried again.
      dead: Jobs that failed for good.
      late: Starts that came later after their admission than the margin of the rate allows.
    """

    sent: int = 0
    done: int = 0
    retried: int = 0
    dead: int = 0
    late: int = 0

    @property
    def failed(self) -> int:
        """Attempts that failed, whether they are tried again or not."""
        return self.retried + self.dead

    def record(self) -> dict[str, int]:
        """As JSON shows it."""
        return {
            "sent": self.sent,
            "done": self.done,
            "failed": self.failed,
            "dead": self.dead,
            "late": self.late,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class WorkstreamState:
    """What is true of a workstream at one moment.

    Attributes:
      name: Its name.
      at: The moment, in µs since 1970 by Redis's clock.
      published: Whether its settings are in Redis; before the first send or worker they are not.
      waiting: Jobs that could start if the limits let them, those just due included.
      scheduled: Jobs that are due later.
      running: Jobs that run.
      dead: Dead letters.
      paused: Whether it is paused.
      hold: Why the next job waits.
      slots: Concurrencies that hold for it, its own first.
      rates: Rates that hold for it, its own first.
      overridden: Where an operator's word stands over the file's, of these limits.
      oldest_since: µs since 1970 at which the oldest wait began; with many keys the oldest among
        those whose turn is soonest. None when nothing waits.
      this_minute: The minute that has begun.
      last_minute: The one before.
      late: Late starts since the beginning.
      workers: Live worker processes that work on it.
      problem: What stands in Redis instead of a workstream, "" if all is well.
    """

    name: str
    at: int
    published: bool = False
    waiting: int = 0
    scheduled: int = 0
    running: int = 0
    dead: int = 0
    paused: bool = False
    hold: Hold = Hold("")
    slots: tuple[SlotUse, ...] = ()
    rates: tuple[RateUse, ...] = ()
    overridden: tuple[Overridden, ...] = ()
    oldest_since: int | None = None
    this_minute: Minute = Minute()
    last_minute: Minute = Minute()
    late: int = 0
    workers: int = 0
    problem: str = ""

    @property
    def concurrency(self) -> int | None:
        """Jobs at once by the workstream's own limit; None is without bound."""
        return next((slot.allowed for slot in self.slots if slot.limit == self.name), None)

    @property
    def oldest_wait(self) -> int | None:
        """How long the oldest wait lasts, in µs."""
        return None if self.oldest_since is None else max(self.at - self.oldest_since, 0)

    def file_of(self, limit: str, what: str) -> str | None:
        """What the file says where an operator said otherwise, in words; None where nobody did."""
        return next((one.file for one in self.overridden if (one.limit, one.what) == (limit, what)), None)

    def per_minute(self, what: str) -> float:
        """What happened in the 60 s that end now, as if the last minute had been even.

        Parameters:
          what: An attribute of Minute.
        """
        left = 1 - self.at % _MINUTE / _MINUTE
        return float(getattr(self.this_minute, what) + left * getattr(self.last_minute, what))

    def record(self) -> dict[str, Any]:
        """As JSON shows it: stable keys, times in ms or ISO 8601."""
        oldest = self.oldest_wait
        return {
            "workstream": self.name,
            "waiting": self.waiting,
            "scheduled": self.scheduled,
            "running": self.running,
            "dead": self.dead,
            "concurrency": self.concurrency,
            "slots": [slot.record() for slot in self.slots],
            "rates": [rate.record() for rate in self.rates],
            "overridden": [one.record() for one in self.overridden],
            "paused": self.paused,
            "held": self.hold.record(),
            "oldest_wait_ms": None if oldest is None else oldest / 1000,
            **{f"{what}_per_minute": round(self.per_minute(what), 1) for what in ("done", "failed", "dead")},
            "this_minute": self.this_minute.record(),
            "last_minute": self.last_minute.record(),
            "late": self.late,
            "workers": self.workers,
            "published": self.published,
            "problem": self.problem or None,
            "at": stamp_or_none(self.at),
        }
