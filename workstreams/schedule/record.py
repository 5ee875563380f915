"""What Redis holds of schedules, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from workstreams.declare.config.schedule import Schedule
from workstreams.errors import RedisUnsuitable
from workstreams.schedule.when import described
from workstreams.state.decoding import moment, text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["Record", "Records", "declare_schedules", "declared_words", "read_records"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One schedule; times are µs since 1970, None or "" where nothing is known.

    Attributes:
      when: The words in which it was declared last.
      mark: All ticks up to here are decided, as Redis writes it.
      tick: The last tick that sent a job.
      fired: When a job was sent last, by a tick or by hand.
      paused: Whether an operator paused it.
      resumed: When a pause ended last.
      workstream: Where its jobs wait.
      job: The id of the last job.
      job_state: Its state; "" when it is not kept any longer.
    """

    when: str
    mark: str
    tick: int | None
    fired: int | None
    paused: bool
    resumed: int | None
    workstream: str
    job: str
    job_state: str


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """Schedules at one instant.

    Attributes:
      now: Redis's clock, in µs since 1970.
      by_name: The schedules that were asked for.
    """

    now: int
    by_name: Mapping[str, Record]


def declared_words(schedule: Schedule) -> str:
    """What identifies a schedule's ticks; other words are another schedule, which starts anew."""
    return described(schedule) + ("" if schedule.enabled else " off")


def read_records(link: Link, names: Sequence[str]) -> Records:
    """Read schedules.

    Parameters:
      link: Where they are.
      names: Which ones.

    Raises:
      RedisUnavailable: When Redis cannot be asked.
      RedisUnsuitable: When what stands there is not ours.
    """
    call = {"names": list(names), "epoch": "", "fresh": uuid4().hex}
    with readable(link):
        now, found = link.scripts.run("schedules", call)
    at = moment(now)
    if at is None:
        raise RedisUnsuitable(f"expected a time in {link.keys.clock}, found {text(now)}: delete that key")
    return Records(at, {name: _record(fields) for name, fields in zip(names, found, strict=True)})


def _record(fields: Sequence[bytes]) -> Record:
    when, mark, tick, fired, paused, resumed, workstream, job, state = fields
    return Record(
        when=text(when),
        mark=text(mark),
        tick=moment(tick),
        fired=moment(fired),
        paused=paused == b"1",
        resumed=moment(resumed),
        workstream=text(workstream),
        job=text(job).partition("/")[2],
        job_state=text(state),
    )


def declare_schedules(
    link: Link, version: str, schedules: Mapping[str, Schedule], workstreams: Mapping[str, str]
) -> dict[str, str]:
    """Tell Redis what a config says of its schedules; ticks count from the first time.

    Parameters:
      link: Where to.
      version: The config's; in a roll-out the higher one's words win.
      schedules: By name.
      workstreams: Where the jobs of each wait, by its name.

    Returns:
      By name: new, same, changed, or older when a higher version declared other words.
    """
    declared: dict[str, Any] = {
        name: {"when": declared_words(schedule), "workstream": workstreams[name]}
        for name, schedule in schedules.items()
    }
    words = {"request": uuid4().hex, "version": version, "epoch": "", "fresh": uuid4().hex}
    call = {**words, "schedules": declared}
    with readable(link):
        reply = [text(word) for word in link.scripts.run("schedule_declare", call)]
    return dict(zip(reply[::2], reply[1::2], strict=True))
