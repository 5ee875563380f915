"""What happened in a session, as its logs tell: sends, runs, arrivals, events, faults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.chaos.notes import Notes, now_us, read_words
from tests.chaos.settings import Settings

__all__ = ["Arrival", "Event", "Fault", "FaultLog", "History", "Note", "Send"]


@dataclasses.dataclass(frozen=True, slots=True)
class Send:
    """One job as its sender saw it.

    Attributes:
      job: Its id.
      at: When the send began, in µs.
      acked: When it returned, in µs; None if it raised: the job may run, or not.
      kind: ``plain``; ``followed`` by a job that its finish sends; ``delayed``; ``flaky``, which
        fails at the first attempt.
    """

    job: str
    at: int
    acked: int | None
    kind: str = "plain"


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """What a job noted of one of its runs.

    Attributes:
      what: ``start``, ``end`` or ``fail``.
      job: Its id.
      delivery: Which delivery this run is.
      pid: The process.
      at: When, in µs.
      of: What it was sent for: a tick as text, or the job that it follows; "" for neither.
    """

    what: str
    job: str
    delivery: int
    pid: int
    at: int
    of: str = ""

    @property
    def tick(self) -> str:
        """The tick it was sent for, "" if it was for none."""
        return self.of if "T" in self.of else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """A request as the receiver saw it."""

    job: str
    delivery: int
    at: int


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What the system wrote itself.

    Attributes:
      workstream: Whose stream.
      taken: When Redis took it in, in µs (of whole ms), from the id that Redis gave it.
      name: The event.
      at: When it happened, in µs, as the script wrote it.
      job: The job, "" for none.
      pid: The worker process, 0 for none.
      more: Its further fields.
    """

    workstream: str
    taken: int
    name: str
    at: int
    job: str = ""
    pid: int = 0
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """What was done to the system, or what its processes did by themselves.

    Attributes:
      kind: ``kill-worker``, ``redis``, … or ``started``, ``ended``, ``stopped`` of a place.
      began: µs just before it was done.
      ended: µs just after it was over.
      pids: The processes it was done to.
      more: What else is known of it.
    """

    kind: str
    began: int
    ended: int
    pids: tuple[int, ...] = ()
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class FaultLog:
    """Where faults are noted, each when it is over.

    Parameters:
      path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._notes = Notes(path)

    def write(
        self,
        kind: str,
        pids: Sequence[int] = (),
        began: int | None = None,
        ended: int | None = None,
        **more: Any,
    ) -> None:
        """Note one; without ``began`` it took no time, without ``ended`` it is over now."""
        now = now_us()
        fault = Fault(kind, began or ended or now, ended or now, tuple(pids), more)
        self._notes.write(orjson.dumps(fault).decode())

    def close(self) -> None:
        """Close the file."""
        self._notes.close()


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """Everything that is judged.

    Attributes:
      settings: What the session was.
      sends: By job.
      notes: In the order in which they were written.
      arrivals: In that order, too.
      events: Of each workstream in the order in which Redis wrote them.
      faults: In the order in which they were over.
      left: Jobs that had not ended when the session gave up waiting, with their states.
      late: Starts that the system counted as late.
    """

    settings: Settings
    sends: Mapping[str, Send] = dataclasses.field(default_factory=dict)
    notes: Sequence[Note] = ()
    arrivals: Sequence[Arrival] = ()
    events: Sequence[Event] = ()
    faults: Sequence[Fault] = ()
    left: Mapping[str, str] = dataclasses.field(default_factory=dict)
    late: int = 0

    @classmethod
    def load(cls, folder: Path) -> History:
        """Read the logs of a session."""
        end = folder / "end.json"
        return cls(
            Settings.load(folder),
            _sends(folder / "sends.log"),
            [
                Note(w[0], w[1], int(w[2]), int(w[3]), int(w[4]), *w[5:])
                for w in read_words(folder / "runs.log")
            ],
            [Arrival(w[1], int(w[2]), int(w[3])) for w in read_words(folder / "arrivals.log")],
            [Event(**one) for one in _objects(folder / "events.log")],
            [Fault(**{**one, "pids": tuple(one["pids"])}) for one in _objects(folder / "faults.log")],
            **(orjson.loads(end.read_bytes()) if end.exists() else {}),
        )


def _objects(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _sends(path: Path) -> dict[str, Send]:
    """A job that was tried and neither returned nor raised, its sender being dead, is unknown too."""
    sends: dict[str, Send] = {}
    for what, job, at, kind in read_words(path):
        if what == "try":
            sends[job] = Send(job, int(at), None, kind)
        elif what == "ack":
            sends[job] = dataclasses.replace(sends[job], acked=int(at))
    return sends
