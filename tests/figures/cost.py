"""Server time of a start and of a finish under every kind of limit, by number of keys.

The scripts are driven directly in a hot loop over a clock that is put forward by hand, as fast as the limits
allow: the logs of the rates are all but full, and each start cuts what has left them. Times on the wall grow
when other processes want the processor: the yardstick, a script that never changes, shows by how much. Times
of the processor grow less, and include what a call costs beside its script; numbers of commands not at all.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from tests.figures.driving import exchanges, fill
from tests.figures.meter import Reading, read
from tests.lua.rig import Answer, Rig

__all__ = ["cost_of", "costs"]

#: µs from one start to the next: a little more than the rates below need.
SPACING = 1_020

#: Starts before anything is measured, so that the windows of a second are full.
WARM_UP = 1_000


#: Twenty commands, and what a script does between them.
CALLS_OF_YARDSTICK = 200
YARDSTICK = """
local found = 0
for i = 1, 20 do
  redis.call('HSET', KEYS[1], 'field' .. i, i)
  found = found + (tonumber(redis.call('HGET', KEYS[1], 'field' .. i)) or 0)
end
return found
"""


def limits() -> Mapping[str, Any]:
    """A shared limit of both kinds."""
    return {"account": {"rate": "1000/s", "concurrency": 5_000}}


def workstream() -> dict[str, Any]:
    """Two rates (one kept job by job, one in cells), a burst, a concurrency, a shared limit, and keys'."""
    keyed = {"per_key": {"rate": "1000/s", "concurrency": 5_000}}
    rates = {"rate": ["1000/s", "60000/m"], "burst": 50, "concurrency": 5_000}
    return {**rates, "within": ["account"], **keyed}


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """What a job cost the server, µs but for the commands."""

    us: float
    cpu_us: float
    commands: float

    @classmethod
    def of(cls, spent: Reading, calls: int, jobs: int) -> Spent:
        """Of what a server did for so many calls and jobs."""
        # A call, and what moves the clock on, are commands themselves.
        inside = spent.commands - 2 * calls
        return cls(spent.script_us / jobs, spent.cpu_us / jobs, inside / jobs)


def spend(rig: Rig, batch: int, asks: int, ending: Sequence[Answer] = ()) -> tuple[list[Answer], Spent]:
    """Calls that take so many jobs each, and end what earlier ones gave."""
    ends = [[given.end("done") for given in answer.grants] for answer in ending] or [[]] * asks
    wants = {"mail": batch} if asks else {}
    calls = [rig.call("s1", wants, some) for some in ends]
    before = read(rig.client)
    answers = exchanges(rig, calls, batch * SPACING)
    spent = Spent.of(read(rig.client) - before, len(calls), len(calls) * batch)
    for answer in answers:
        assert len(answer.grants) == (batch if asks else 0), f"{answer.why} holds back what the clock allows"
        assert not answer.refused, "the ends of what was given are taken"
    return answers, spent


def yardstick(client: redis.Redis) -> float:
    """µs of a script that never changes, by which figures of two machines or times can be compared."""
    pipe = client.pipeline(transaction=False)
    for _ in range(CALLS_OF_YARDSTICK):
        pipe.eval(YARDSTICK, 1, "yardstick")
    before = read(client)
    pipe.execute()
    return (read(client) - before).script_us / CALLS_OF_YARDSTICK


def measured(rig: Rig, batch: int, calls: int) -> dict[str, float]:
    """A start, a finish, and both in one call, each for one job; and a call for nothing."""
    given, start = spend(rig, batch, calls)
    given, both = spend(rig, batch, calls, given)
    _, finish = spend(rig, batch, 0, given)
    before = read(rig.client)
    exchanges(rig, [rig.call("s1") for _ in range(calls)])
    empty = Spent.of(read(rig.client) - before, calls, calls)
    return {
        "start_us": start.us,
        "start_cpu_us": start.cpu_us,
        "start_commands": start.commands,
        "finish_us": finish.us,
        "finish_cpu_us": finish.cpu_us,
        "finish_commands": finish.commands,
        "both_us": both.us,
        "empty_call_us": empty.us,
        "yardstick_us": yardstick(rig.client),
    }


def cost_of(
    rig: Rig, keys: int, batch: int, rounds: int, calls: int, *, limited: bool = True
) -> dict[str, object]:
    """The median of some rounds.

    Parameters:
      rig: A fresh app on an otherwise idle server.
      keys: How many keys have jobs.
      batch: Jobs taken by one call.
      rounds: How often to measure.
      calls: Calls of each kind in a round.
      limited: Whether there are limits.
    """
    rig.publish(limits=limits(), mail=workstream() if limited else None)
    rig.open("s1", "mail")
    # No key runs empty meanwhile.
    names = itertools.cycle([f"k{number:05d}" if keys > 1 else "" for number in range(keys)])
    fill(rig, "mail", itertools.islice(names, WARM_UP + 2 * rounds * calls * batch + keys))
    spend(rig, batch, 0, spend(rig, batch, WARM_UP // batch)[0])
    found = [measured(rig, batch, calls) for _ in range(rounds)]
    medians = {name: round(statistics.median(one[name] for one in found), 1) for name in found[0]}
    return {"limits": "all" if limited else "none", "keys": keys, "jobs_a_call": batch, **medians}


def costs(rigs: Iterator[Rig], keys: Sequence[int], rounds: int, calls: int) -> Iterator[dict[str, object]]:
    """Each number of keys, alone and in batches of eight; and without limits, to compare with.

    Parameters:
      rigs: Fresh apps.
      keys: Numbers of keys.
      rounds: How often to measure each.
      calls: Calls of each kind in a round.
    """
    for batch in (1, 8):
        yield cost_of(next(rigs), 1, batch, rounds, calls, limited=False)
    for number in keys:
        for batch in (1, 8):
            yield cost_of(next(rigs), number, batch, rounds, calls)
