"""I2: a rate holds in every window.

Judged three times: by the µs that the scripts wrote, by the ids that Redis itself gave to those
events, and by the jobs' own clocks for every start that came within the margin of its admission.
A job that ran without an admission is :mod:`tests.chaos.checks.runs`'s to find, so that no
start can stay out of the count.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.windows import most_in_any

__all__ = ["broken_rates", "punctual_starts"]

#: Ids of events are whole ms: two that are less than a window apart may seem to be a ms further.
ID_STEP = 1_000

#: µs by which the time that a script wrote may differ from the time of the event's id.
AT_MOST_APART = 2_000_000


def broken_rates(evidence: Evidence) -> Iterator[Broken]:
    """Windows that hold more than their rate."""
    started = [event for event in evidence.calls if event.name == "started"]
    for rate in evidence.history.settings.limits:
        readings = (
            ("at Redis's clock", [event.at for event in started], rate.window),
            ("by the ids of events", [event.taken for event in started], rate.window - ID_STEP),
            ("by the jobs' clocks", punctual_starts(evidence), rate.window),
        )
        for clock, times, window in readings:
            number, at = most_in_any(times, window)
            if number > rate.permits:
                yield Broken("I2", f"{number} starts {clock} in the window of {rate} that ends at {at}")
    for event in started:
        if abs(event.at - event.taken) > AT_MOST_APART:
            yield Broken("I2", f"a start says {event.at}, and Redis took it in at {event.taken}", event.job)


def margin_of(window: int) -> int:
    """What the surface says of a window without a margin of its own: 1 %, at most 20 ms."""
    return min(window // 100, 20_000)


def punctual_starts(evidence: Evidence) -> list[int]:
    """Starts by the jobs' clocks that came within the least margin of their admission."""
    margin = min(margin_of(rate.window) for rate in evidence.history.settings.limits)
    found = []
    for note in evidence.begun_calls:
        lease = evidence.lease_of.get((note.job, note.delivery, note.pid))
        if lease is not None and note.at - lease.began.at < margin:
            found.append(note.at)
    return found
