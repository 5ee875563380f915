"""Server time of a start and of a finish under every kind of limit, by number of keys.

The scripts are driven directly in a hot loop over a clock that is moved on by hand, exactly as fast as the
limits allow: the logs of the rates are full, and each start cuts what has left them.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import redis

from tests.figures.meter import read
from tests.lua.rig import Answer, Rig, answer_of
from workstreams.declare.config.later import LATER
from workstreams.store.scripts import Scripts

__all__ = ["PER_KEY", "cost_of", "limits", "workstream"]

#: Whether this version holds limits per key.
PER_KEY = ("workstreams", "*", "per_key") not in LATER

#: µs from one start to the next: a little more than the rates below need.
SPACING = 1_020

#: Jobs of one send.
CHUNK = 250

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
    keyed = {"per_key": {"rate": "1000/s", "concurrency": 5_000}} if PER_KEY else {}
    rates = {"rate": ["1000/s", "60000/m"], "burst": 50, "concurrency": 5_000}
    return {**rates, "within": ["account"], **keyed}


def fill(rig: Rig, keys: int, jobs: int) -> None:
    """Send so many jobs, to all keys in turn."""
    names = itertools.cycle([f"k{number:05d}" if keys > 1 else "" for number in range(keys)])
    ids = (f"j{number:06d}" for number in range(jobs))
    while some := list(itertools.islice(ids, CHUNK)):
        words = [("mail", one, next(names), 0, 1, "", "act", "{}", "{}") for one in some]
        assert rig.send_words(words)[0] == b"ok"


def exchanges(rig: Rig, calls: Sequence[Mapping[str, Any]], advance: int) -> list[Answer]:
    """Carry out calls one after the other in one go, so that the server never waits for the next one.

    Parameters:
      advance: µs by which the clock moves on after each.
    """
    pipe = rig.client.pipeline(transaction=False)
    scripts = Scripts(cast(redis.Redis, pipe), rig.keys)
    for call in calls:
        scripts.run("exchange", call)
        pipe.hincrby(rig.keys.clock, "mark", advance)
    return [answer_of(reply) for reply in pipe.execute()[::2]]


def spend(rig: Rig, batch: int, asks: int, ending: Sequence[Answer] = ()) -> tuple[list[Answer], float]:
    """Calls that take so many jobs each, and end what earlier ones gave; µs of server time for each job."""
    ends = [[given.end("done") for given in answer.grants] for answer in ending] or [[]] * asks
    wants = {"mail": batch} if asks else {}
    calls = [rig.call("s1", wants, some) for some in ends]
    before = read(rig.client)
    answers = exchanges(rig, calls, batch * SPACING)
    spent = (read(rig.client) - before).script_us / (len(calls) * batch)
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
    """µs of a start, of a finish, and of both in one call, each for one job; and of a call for nothing."""
    given, start = spend(rig, batch, calls)
    given, both = spend(rig, batch, calls, given)
    _, finish = spend(rig, batch, 0, given)
    before = read(rig.client)
    exchanges(rig, [rig.call("s1") for _ in range(calls)], 0)
    empty = (read(rig.client) - before).script_us / calls
    return {
        "start_us": start,
        "finish_us": finish,
        "both_us": both,
        "empty_call_us": empty,
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
    rig.freeze()
    rig.publish(limits=limits(), mail=workstream() if limited else None)
    rig.open("s1", "mail")
    # No key runs empty meanwhile.
    fill(rig, keys, WARM_UP + 2 * rounds * calls * batch + keys)
    spend(rig, batch, 0, spend(rig, batch, WARM_UP // batch)[0])
    found = [measured(rig, batch, calls) for _ in range(rounds)]
    medians = {name: round(statistics.median(one[name] for one in found), 1) for name in found[0]}
    kinds = f"all, per_key {'included' if PER_KEY else 'missing'}" if limited else "none"
    return {"limits": kinds, "keys": keys, "jobs_a_call": batch, **medians}


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
