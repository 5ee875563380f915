"""Where a line stands among the lines of many streams, and how far a reader has come."""

from __future__ import annotations

import dataclasses
import re

from workstreams.errors import ConfigError, Problem
from workstreams.log.lines import microseconds, stream_time

__all__ = ["HOLD", "Position", "entry_before", "parse_position", "position_of"]

#: µs by which a line may reach Redis later than it happened and still be sorted by when it happened.
#: A job's line comes up to 60 ms after the events around it: the pipe, the batch and the round trip.
HOLD = 100_000

_LAST_OF_MS = 2**64 - 1
# No time beyond the year 2286, and no sequence beyond 64 bits.
_CURSOR = re.compile(r"(\d{1,16})\.(\d{1,13})\.(\d{1,20})\.(\d{1,9})\.(.*)", re.ASCII | re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the one order of all lines; it does not depend on which streams are read.

    Attributes:
      time: When it happened, in µs since 1970, as far as Redis's clock bears it out.
      ms: First half of its stream id.
      sequence: Second half of it.
      nth: Which of that entry's events it is, 0 for the first.
      name: Its workstream; streams number their entries apart, so ids alone may be equal.
    """

    time: int
    ms: int = 0
    sequence: int = 0
    nth: int = 0
    name: str = ""

    def __str__(self) -> str:
        return f"{self.time}.{self.ms}.{self.sequence}.{self.nth}.{self.name}"


def parse_position(text: str) -> Position:
    """Read what ``str(position)`` wrote.

    Raises:
      ConfigError: When it is something else.
    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise ConfigError([Problem("the cursor of a line, as tail --json prints it", f'"{text}"', "after")])
    return Position(int(found[1]), int(found[2]), int(found[3]), int(found[4]), found[5])


def position_of(stream_id: bytes, nth: int, ts: str, name: str) -> Position:
    """Where a line of a stream stands: the *nth* of its entry.

    Its own time counts within the HOLD before its arrival: a clock that is wrong must not
    move a line to where readers have already been.
    """
    ms, _, sequence = stream_id.partition(b"-")
    arrived = stream_time(stream_id)
    time = min(max(microseconds(ts), arrived - HOLD), arrived + 999)
    return Position(time, int(ms), int(sequence or 0), nth, name)


def entry_before(us: int) -> bytes:
    """The greatest stream id of all that stand before this time."""
    ms = us // 1000
    return b"%d-%d" % (ms - 1, _LAST_OF_MS) if ms > 0 else b"0-0"
