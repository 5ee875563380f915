"""What becomes of ticks that are due: which are skipped, by which policy, and from where on they fire."""

from __future__ import annotations

import dataclasses

from workstreams.declare.config.schedule import Schedule
from workstreams.schedule.when import Span, When, span_of

__all__ = ["LATE_AFTER", "Plan", "Skip", "plan_of"]

#: µs after which a tick counts as missed, so that ``catch_up`` decides about it. Longer than a
#: scheduler needs to be restarted, or its server to fail over within a host.
LATE_AFTER = 10_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Skip:
    """Ticks that do not fire.

    Attributes:
      span: Which.
      reason: ``paused``; ``missed`` by ``catch_up: skip``; ``superseded`` by a later one;
        ``too_old`` for ``catch_up_window``.
    """

    span: Span
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the due ticks.

    Attributes:
      skips: Those that do not fire, in order.
      begin: Every due tick later than this instant fires (µs since 1970).
    """

    skips: tuple[Skip, ...]
    begin: int


def plan_of(schedule: Schedule, when: When, mark: int, resumed: int, now: int) -> Plan:
    """Decide about the ticks in (mark, now].

    Parameters:
      schedule: Its ``catch_up`` and ``catch_up_window`` hold.
      when: Its ticks.
      mark: All ticks up to here are decided (µs since 1970).
      resumed: When a pause ended last; 0 if there was none.
      now: Redis's clock.
    """
    skips: list[Skip] = []
    begin = _skip(skips, when, mark, min(resumed, now), "paused")
    late = now - LATE_AFTER
    oldest = max(begin, now - schedule.catch_up_window - 1)
    match schedule.catch_up:
        case "skip":
            begin = _skip(skips, when, begin, late, "missed")
        case "latest":
            begin = _skip_to_latest(skips, when, begin, late, oldest, now)
        case _:
            begin = _skip(skips, when, begin, min(oldest, late), "too_old")
    return Plan(tuple(skips), begin)


def _skip(skips: list[Skip], when: When, after: int, until: int, reason: str) -> int:
    """Skip the ticks in (after, until]; returns from where on nothing is decided yet."""
    span = span_of(when, after, until) if until > after else None
    if span is None:
        return after
    skips.append(Skip(span, reason))
    return span.last


def _skip_to_latest(skips: list[Skip], when: When, after: int, late: int, oldest: int, now: int) -> int:
    missed = span_of(when, after, late)
    if missed is None:
        return after
    following = when.after(missed.last)
    if following is not None and following <= now:
        # A tick in time is due as well, and it is the latest.
        return _skip(skips, when, after, missed.last, "superseded")
    if missed.last <= oldest:
        return _skip(skips, when, after, missed.last, "too_old")
    return _skip(skips, when, after, missed.last - 1, "superseded")
