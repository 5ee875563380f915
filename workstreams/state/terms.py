"""What a limit allows: rates and a concurrency, read from the text that the scripts read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from workstreams.declare.config import Limit, RateLimit
from workstreams.state.decoding import whole
from workstreams.units import Rate

__all__ = ["Terms", "rates_from", "rates_in_words", "terms_from", "terms_of"]

_RATE = re.compile(r"(\d{1,15}):(\d{1,18}):(\d{1,18}):(\d{1,15})")


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What is allowed.

    Attributes:
      rates: All of them hold; the shortest first.
      concurrency: Jobs at once; None is without bound.
    """

    rates: tuple[RateLimit, ...] = ()
    concurrency: int | None = None

    def record(self) -> dict[str, Any]:
        """As JSON shows it; times in ms."""
        return {"rates": [_record(rate) for rate in self.rates], "concurrency": self.concurrency}


def _record(rate: RateLimit) -> dict[str, Any]:
    return {
        "rate": str(Rate(rate.permits, rate.window)),
        "permits": rate.permits,
        "window_ms": rate.window / 1000,
        "burst": rate.burst,
        "margin_ms": rate.margin / 1000,
    }


def rates_in_words(rates: Iterable[RateLimit]) -> str:
    """``20/s burst 1, 10000/h``, or ``none``."""
    words = (
        f"{Rate(rate.permits, rate.window)}" + (f" burst {rate.burst}" if rate.burst else "")
        for rate in rates
    )
    return ", ".join(words) or "none"


def rates_from(text: str) -> tuple[RateLimit, ...]:
    """Rates as ``permits:window:margin:burst;…``, in µs; what is none of that is left out."""
    found = (
        RateLimit(int(permits), int(window), int(burst) or None, int(margin))
        for permits, window, margin, burst in _RATE.findall(text)
    )
    return tuple(found)


def terms_of(limit: Limit | None) -> Terms:
    """What a config declares; nothing for None."""
    return Terms() if limit is None else Terms(limit.rates, limit.concurrency)


def terms_from(rates: str, concurrency: str) -> Terms:
    """What stands in Redis, "" for none."""
    return Terms(rates_from(rates), whole(concurrency))
