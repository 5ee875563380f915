"""Histories made by hand, for tests of the judge: told job by job, with whatever is wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tests.chaos.checker import judge
from tests.chaos.checks.evidence import Evidence
from tests.chaos.history import Event, Fault, History, Note, Send
from tests.chaos.notes import Notes
from tests.chaos.project import CALLS, SCHEDULE, TICKS
from tests.chaos.settings import Settings
from workstreams.log.lines import stamp

__all__ = ["MS", "SECOND", "T0", "HandMade", "good", "promises"]

MS, SECOND = 1_000, 1_000_000

#: When every story begins.
T0 = 1_700_000_000 * SECOND

#: µs between an admission and the start that the job notes, and between its end and the record.
WAY = 1_000


class HandMade:
    """A history in the making; every method lets one thing happen at a time in µs after ``T0``.

    Parameters:
      **settings: As of :class:`Settings`.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**{"rates": ("10/s",), "concurrency": 3, "fsync": "always", **settings})
        self.sends: dict[str, Send] = {}
        self.notes: list[Note] = []
        self.events: list[Event] = []
        self.faults: list[Fault] = []

    def evidence(self) -> Evidence:
        """What the judge gets."""
        events = sorted(self.events, key=lambda one: one.at)
        return Evidence(History(self.settings, self.sends, self.notes, (), events, self.faults))

    def save(self, folder: Path) -> None:
        """Write it as a session does."""
        self.settings.save(folder)
        sends = Notes(folder / "sends.log")
        for send in self.sends.values():
            sends.write("try", send.job, send.at, send.kind)
            if send.acked is not None:
                sends.write("ack", send.job, send.acked, send.kind)
        runs = Notes(folder / "runs.log")
        for note in self.notes:
            runs.write(note.what, note.job, note.delivery, note.pid, note.at, note.of)
        for name, things in (("events", self.evidence().history.events), ("faults", self.faults)):
            notes = Notes(folder / f"{name}.log")
            notes.write_many([orjson.dumps(one).decode()] for one in things)

    def event(self, name: str, at: int, job: str, pid: int = 0, workstream: str = CALLS, **more: Any) -> None:
        """The system writes an event."""
        taken = (T0 + at) // 1000 * 1000
        self.events.append(Event(workstream, taken, name, T0 + at, job, pid, more))

    def note(self, what: str, at: int, job: str, delivery: int = 1, pid: int = 1, of: str = "") -> None:
        """A job notes something."""
        self.notes.append(Note(what, job, delivery, pid, T0 + at, of))

    def send(self, job: str, at: int = 0, *, acked: bool = True, kind: str = "plain") -> None:
        """A job is sent; a send that raises has no event here."""
        self.sends[job] = Send(job, T0 + at - 500, T0 + at + 500 if acked else None, kind)
        if acked:
            self.event("sent", at, job)

    def begin(self, job: str, at: int, delivery: int = 1, pid: int = 1) -> None:
        """It is admitted, and starts."""
        self.event("started", at, job, pid)
        self.note("start", at + WAY, job, delivery, pid)

    def finish(self, job: str, at: int, delivery: int = 1, pid: int = 1) -> None:
        """It notes its end, and the end is recorded."""
        self.note("end", at - WAY, job, delivery, pid)
        self.event("finished", at, job, pid)

    def run(self, job: str, at: int, took: int = 100_000) -> None:
        """It is sent, runs once, and is done."""
        self.send(job, at - 2_000)
        self.begin(job, at)
        self.finish(job, at + took)

    def reap(self, job: str, at: int) -> None:
        """Its process was killed, and its lease taken back."""
        self.event("reaped", at, job, reason="its process was ended by SIGKILL")

    def fault(self, kind: str, began: int, ended: int, *pids: int, **more: Any) -> None:
        """Something is done to the system."""
        self.faults.append(Fault(kind, T0 + began, T0 + ended, pids, more))

    def tick(self, second: int, job: str | None = None) -> None:
        """A tick fires, and its job runs."""
        job, at, tick = job or f"tick-{second}", second * SECOND, stamp(T0 + second * SECOND)
        self.event("sent", at, job, workstream=TICKS)
        self.event("fired", at, job, workstream=TICKS, schedule=SCHEDULE, tick=tick)
        self.event("started", at + 10, job, 1, workstream=TICKS)
        self.note("start", at + WAY, job, of=tick)
        self.note("end", at + 2 * WAY, job)
        self.event("finished", at + 3 * WAY, job, 1, workstream=TICKS)


def good(**settings: object) -> HandMade:
    """A history that keeps every promise: ten jobs a second, one of them killed and run again, and ticks."""
    made = HandMade(**settings)
    for number in range(20):
        made.run(f"job-{number}", 10 * MS + number * 101 * MS)
    made.send("killed", 2_200 * MS)
    made.begin("killed", 2_300 * MS, pid=2)
    made.fault("kill-worker", 2_350 * MS, 2_350 * MS, 2)
    made.reap("killed", 2_360 * MS)
    made.begin("killed", 2_370 * MS, delivery=2)
    made.finish("killed", 2_500 * MS, delivery=2)
    made.send("unknown", 2_600 * MS, acked=False)
    for second in range(4):
        made.tick(second)
    made.fault("peace", 3_000 * MS, 3_000 * MS)
    return made


def promises(made: HandMade) -> set[str]:
    """Which promises the judge calls broken."""
    return {broken.promise for broken in judge(made.evidence())}
