"""Why work waits, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstreams.cli.screen import span

if TYPE_CHECKING:
    from workstreams.state import Hold

__all__ = ["reason"]

_WORDS = {
    "no worker": "no worker",
    "next": "next in turn",
    "unsettled": "no settings in Redis",
    "unreadable": "unreadable data in Redis",
}

_OF_KEYS = {
    "key": "limits of its keys",
    "paused": "its key is paused",
    "rate": "rate of its key",
    "concurrency": "concurrency of its key",
    "upstream": "an upstream refused its key",
}


def reason(hold: Hold, own: str, at: int | None = None) -> str:
    """Why work waits, "" when none does.

    Parameters:
      hold: What holds it.
      own: The workstream, whose own limit needs no name.
      at: The moment it was read, in µs since 1970, to say how long a rate holds it; without it the
        answer says until when.
    """
    named = "" if hold.limit == own else f" of {hold.limit}"
    if hold.why == "paused":
        return f"{hold.limit} is paused" if named else "paused"
    if hold.why == "rate":
        return f"rate{named}{_until(hold.free_at, at)}"
    if hold.why == "concurrency":
        taken = f", {hold.slots}" if hold.slots else ""
        return f"concurrency{named}{taken}"
    if hold.why == "key":
        return f"{_OF_KEYS.get(hold.of_key, 'its key')}{_until(hold.free_at, at)}"
    return _WORDS.get(hold.why, hold.why)


def _until(free_at: int | None, at: int | None) -> str:
    from workstreams.state.decoding import stamp_or_none

    if free_at is None:
        return ""
    return f", free at {stamp_or_none(free_at)}" if at is None else f", free in {span(max(free_at - at, 0))}"
