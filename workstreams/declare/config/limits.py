"""Limits: how many in any window, how many at the same instant, how many at once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from workstreams.declare.config import fields
from workstreams.declare.config.model import Model, as_items, as_section, refuse
from workstreams.units import Rate, format_duration

__all__ = ["Limit", "NamedLimit", "OnRateLimited", "PerKey", "RateEntry", "RateLimit", "margin_of"]

#: A window is held this much longer by default, for the jitter between admission and arrival.
_MARGIN_SHARE = 100
_LARGEST_MARGIN = 20_000

#: An eased rate keeps at least this share of itself, unless its ``min`` says else.
_LOWEST_SHARE = 100


@dataclasses.dataclass(frozen=True, slots=True)
class RateLimit:
    """One rate that has to hold.

    Attributes:
      permits: What may be admitted in one window.
      window: Its length in microseconds.
      burst: What may be admitted at the same instant; None means as many as permits.
      margin: The window is held this many microseconds longer.
    """

    permits: int
    window: int
    burst: int | None
    margin: int


def margin_of(rate: Rate, given: int | None) -> int:
    """By how many µs a rate's window is held longer.

    Parameters:
      rate: The rate.
      given: What its limit says; where it says nothing, or more than the window itself, it is 1 % of
        the window and at most 20 ms.
    """
    if given is not None and given < rate.window:
        return given
    return min(rate.window // _MARGIN_SHARE, _LARGEST_MARGIN)


class RateEntry(Model):
    """One rate as it is written.

    Attributes:
      rate: Permits and window.
      burst: What may be admitted at the same instant.
      margin: Microseconds; None means 1 % of the window, at most 20 ms.
    """

    shorthand: ClassVar[Mapping[str, object] | None] = fields.rate.schema

    rate: Annotated[Rate, fields.rate]
    burst: Annotated[int | None, fields.or_null(fields.whole(1))] = None
    margin: Annotated[int | None, fields.or_null(fields.duration())] = None

    @classmethod
    def expand(cls, value: object) -> object:
        """``20/s`` stands for ``{rate: 20/s}``, and so does what was meant to be one."""
        return value if isinstance(value, Mapping) else {"rate": value}

    @model_validator(mode="after")
    def _burst_fits(self) -> Self:
        _check_burst(self.rate, self.burst)
        _check_margin(self.rate, self.margin)
        return self


def _check_burst(rate: Rate, burst: int | None) -> None:
    if burst is not None and burst > rate.permits:
        refuse(f"a burst of at most the {rate.permits} that {rate} permits", at=("burst",))


def _check_margin(rate: Rate, margin: int | None) -> None:
    if margin is not None and margin >= rate.window:
        refuse(f"a margin shorter than the window of {format_duration(rate.window)}", at=("margin",))


class Limit(Model):
    """What holds over the whole fleet.

    Attributes:
      entries: The rates as they are written (``rate:`` in the file).
      burst: For the shortest rate: what may be admitted at the same instant.
      margin: For every rate that gives none itself, in microseconds.
      concurrency: Jobs at once; None is unbounded.
    """

    entries: Annotated[tuple[RateEntry, ...], as_items] = Field(default=(), alias="rate")
    burst: Annotated[int | None, fields.or_null(fields.whole(1))] = None
    margin: Annotated[int | None, fields.or_null(fields.duration())] = None
    concurrency: Annotated[int | None, fields.or_null(fields.whole(1))] = None

    @property
    def rates(self) -> tuple[RateLimit, ...]:
        """All rates that have to hold, the shortest window first."""
        ordered = sorted(self.entries, key=lambda entry: entry.rate.window)
        return tuple(self._resolve(entry, shortest=entry is ordered[0]) for entry in ordered)

    @property
    def limited(self) -> bool:
        """Whether anything can hold work back here."""
        return bool(self.entries) or self.concurrency is not None

    def _resolve(self, entry: RateEntry, *, shortest: bool) -> RateLimit:
        burst = self.burst if shortest and entry.burst is None else entry.burst
        margin = self.margin if entry.margin is None else entry.margin
        return RateLimit(entry.rate.permits, entry.rate.window, burst, margin_of(entry.rate, margin))

    @model_validator(mode="after")
    def _one_rate_a_window(self) -> Self:
        counted = Counter(entry.rate.window for entry in self.entries)
        for window, times in counted.items():
            if times > 1:
                refuse(f"one rate over a window of {format_duration(window)}", at=("rate",))
        return self

    @model_validator(mode="after")
    def _fits_its_rates(self) -> Self:
        if not self.entries:
            for key in ("burst", "margin"):
                if getattr(self, key) is not None:
                    refuse("a rate beside it", at=(key,))
            return self
        shortest = min(self.entries, key=lambda entry: entry.rate.window)
        if self.burst is not None and shortest.burst is not None:
            refuse(f"one burst for {shortest.rate}, which has its own", at=("burst",))
        _check_burst(shortest.rate, self.burst)
        _check_margin(shortest.rate, self.margin)
        return self


class PerKey(Limit):
    """The same limit for each key of a workstream.

    Attributes:
      weights: How many turns a key gets for each turn of a key without a weight.
    """

    weights: Annotated[Mapping[str, Annotated[float, fields.number(above=0)]], as_section] = Field(
        default_factory=dict
    )


class OnRateLimited(Model):
    """What an upstream's refusal does to the rate.

    Attributes:
      back_off: The rate is multiplied by this.
      recover: Microseconds until it is back where it was.
      min: It never falls below this; None is one permit in a window of its shortest rate, or a
        hundredth of what that permits, whichever is more.
    """

    back_off: Annotated[float, fields.number(above=0, below_or_at=1)] = 0.7
    recover: Annotated[int, fields.duration(1_000)] = 60_000_000
    min: Annotated[Rate | None, fields.or_null(fields.rate)] = None

    def floor(self, rate: RateLimit) -> float:
        """What *rate* never falls below, in permits in its window."""
        if self.min is None:
            return max(1.0, rate.permits / _LOWEST_SHARE)
        return min(float(rate.permits), self.min.permits * rate.window / self.min.window)


class NamedLimit(Limit):
    """A limit that stands under a name: that of a workstream, or one that several are within.

    Attributes:
      on_rate_limited: What an upstream's refusal does to its rates; None is nothing lasting.
    """

    on_rate_limited: OnRateLimited | None = None

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The name it is declared under."""
        return self._name

    def named(self, name: str) -> Self:
        """A copy that knows the name it is declared under."""
        copy = self.model_copy()
        copy._name = name
        return copy

    @model_validator(mode="after")
    def _eases_a_rate(self) -> Self:
        if self.on_rate_limited is None:
            return self
        at = ("on_rate_limited",)
        if not self.rates:
            hint = "give this limit a rate, or put on_rate_limited where the rate stands"
            refuse("a rate beside it", at=at, hint=hint)
        shortest, least = self.rates[0], self.on_rate_limited.min
        if least is not None and least.permits * shortest.window > shortest.permits * least.window:
            refuse(f"a min of at most {Rate(shortest.permits, shortest.window)}", at=(*at, "min"))
        return self
