"""How a worker process ended, and whom that counts against."""

from __future__ import annotations

import dataclasses
import signal

from workstreams.supervisor.child import Child
from workstreams.supervisor.spec import EXIT_KILLED

__all__ = ["Ending", "ending_of", "how_it_ended"]


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """The end of a process.

    Attributes:
      orderly: Whether it was asked to end, or said that it would.
      why: What ended it, in words.
      passing: Whether the next process will hardly end the same way: this one had booted, or was ended
        by somebody else, or by an outage of Redis.
      blame: Whether that counts against what it held: against the guilty, or else against all.
    """

    orderly: bool
    why: str
    passing: bool
    blame: bool


def ending_of(child: Child, code: int, *, out_of_memory: bool) -> Ending:
    """Judge the end of a process.

    The exit code says nothing of that: any job, and any library it calls, can end the process with
    0, and would be run again for ever.

    Parameters:
      child: The process, which is gone.
      code: How it ended, as ``subprocess`` tells it.
      out_of_memory: Whether the kernel has just ended something for lack of memory.
    """
    asked = child.stopping and (child.killed or code >= 0)
    orderly = child.lost_at is None and not child.guilty and (asked or child.leaving)
    why = child.kill_reason or how_it_ended(code)
    killed = code == -signal.SIGKILL and not child.killed
    if killed and out_of_memory:
        why += ", out of memory"
    passing = child.ready or child.failed_code == EXIT_KILLED or (killed and not out_of_memory)
    # Whoever lost its lease holds nothing any more that could be to blame.
    return Ending(orderly, why, passing, not orderly and child.lost_at is None)


def how_it_ended(code: int) -> str:
    """An exit status in words."""
    if code < 0:
        return f"its process was ended by {_name_of(-code)}"
    return f"its process ended with exit code {code}"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Of the real-time signals only the first and the last have names.
        return f"signal {number}"
