"""A process that is killed between two of its calls to Redis, or during one, breaks no promise: at each."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson
import psutil
import pytest

from tests.lua.rig import Rig
from tests.promises import roles
from tests.promises.fleet import fleet
from tests.promises.ledger import Ledger
from tests.promises.life import Life, problems_of_a_life
from tests.promises.stages import Kill, Look, Points, Stage
from tests.support import events_in, wait_until
from workstreams.schedule.record import declare_schedules
from workstreams.wait.emptying import unfinished

#: Dozens of lives one after the other: a busy machine needs longer than for other tests.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def kill(server_url: str, app_name: str) -> Iterator[Kill]:
    """Kills roles at each of their calls."""
    with contextlib.ExitStack() as stages:
        yield Kill(server_url, app_name, stages)


# Sending.


def test_a_sender_that_is_killed_has_sent_each_job_once_or_not_at_all(kill: Kill) -> None:
    def look(at: Stage) -> list[str]:
        there = at.ledger.jobs("next")
        problems = [
            f"{job} was acknowledged and is lost" for job in at.post.noted("sent") if job not in there
        ]
        # One by one, then in batches of 250 and 50, each as a whole.
        if len(there) not in (0, 1, 2, 3, 253, 303):
            problems.append(f"{len(there)} jobs are there: part of a batch")
        return problems + at.ledger.left_over()

    kill(roles.send, lambda at: None, roles.work, look, 8)


# Fetching, finishing, retrying, stopping.


def begin_a_life(at: Stage) -> None:
    Life(at.broker, lambda _: None).send()


def of_a_life(at: Stage) -> list[str]:
    return problems_of_a_life(at.ledger, Counter(at.post.noted("run")))


def test_a_worker_that_is_killed_leaves_nothing_undone_and_nothing_doubled(kill: Kill) -> None:
    kill(roles.work, begin_a_life, roles.work, of_a_life, 20)


def test_a_worker_that_is_killed_while_it_stops_leaves_nothing_undone_and_nothing_doubled(kill: Kill) -> None:
    kill(roles.work_a_little, begin_a_life, roles.work, of_a_life, 16)


def begin_a_project(at: Stage) -> None:
    roles.found_a_project(at.post)
    begin_a_life(at)


def of_a_project(at: Stage) -> list[str]:
    """The same, and no process is left of those that the supervisor had started."""
    children = [psutil.Process(int(pid)) for pid in at.post.noted("child") if psutil.pid_exists(int(pid))]
    _, alive = psutil.wait_procs(children, timeout=15)
    for one in alive:
        one.kill()
    return of_a_life(at) + [f"{one} is still there" for one in alive]


def test_a_supervisor_that_is_killed_leaves_nothing_undone_and_no_process(kill: Kill) -> None:
    during_scripts: Points = ("FCALL", ("after",))
    kill(roles.supervise, begin_a_project, roles.work, of_a_project, 5, during_scripts)


POOLS = ("a", "b", "c")
DYING = """
from pathlib import Path
from tests.promises.crashing import die_in_turn

@actor(workstream="a")
def nap():
    run(0.02)

die_in_turn(Path(os.environ["JOURNAL"]).parent, 12)
"""


def test_processes_that_die_one_after_the_other_are_replaced_and_leave_nothing_undone(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    """Each dies one call later than the one before, in three pools so that no pool is held back for long."""
    workstreams = "".join(f"  {name}: {{pool: {name}, threads: 2}}\n" for name in POOLS)
    pools = ", ".join(f"{name}: {{processes: 1}}" for name in POOLS)
    with fleet(
        tmp_path, app_name, server_url, workstreams, DYING, f"{{pools: {{{pools}}}, max_deliveries: 100}}"
    ) as project:
        project.environ["PYTHONPATH"] = str(roles.ROOT)
        supervisor, ids, link = project.start(), list[str](), project.broker.link

        def all_died() -> bool:
            for name in POOLS:
                # Whoever has nothing to do makes no calls.
                if not unfinished(link, name):
                    ids.extend(project.send(name, "nap", 4))
            return len(list(tmp_path.glob("turn-*"))) == 12 and len(supervisor.events("worker_died")) == 12

        wait_until(all_died, 50)
        for name in POOLS:
            project.wait_until_empty(name)
        assert supervisor.stop() == 0
        assert Ledger(link.scripts.client, link.keys).left_over() == []
        assert set(project.runs()) == set(ids)


# Recovering.


def hold(rig: Rig, sid: str, number: int) -> list[str]:
    """Jobs that a session runs."""
    rig.open(sid, "next")
    ids = rig.send("next", number)
    while number:
        number -= len(rig.ask(sid, "next", number).grants)
    return ids


def held_by_one(at: Stage) -> None:
    hold(at.rig(), roles.GONE, 250)


def held_by_several(at: Stage) -> None:
    rig = at.rig()
    # A call takes back up to 400.
    numbers = (450, 3, 420)
    for number in numbers:
        hold(rig, f"{roles.GONE}{number}", number)
    # All their leases ran out long ago.
    rig.client.zadd(rig.keys.sessions, {f"{roles.GONE}{number}": number for number in numbers})


def of_recovered(number: int) -> Look:
    """Each went back once, to the front, in the order in which they were sent."""

    def look(at: Stage) -> list[str]:
        jobs = at.ledger.jobs("next")
        line = at.rig().client.zrange(at.broker.link.keys.workstream("next", "ready", ""), 0, -1)
        problems = at.ledger.problems()
        if (
            at.ledger.states("next") != Counter(waiting=number)
            or at.ledger.events("next")["reaped"] != number
        ):
            problems.append(f"{at.ledger.states('next')} after {at.ledger.events('next')}")
        if {int(job.get("crashes", 0)) + int(job.get("lapses", 0)) for job in jobs.values()} != {1}:
            problems.append("an end was counted twice, or not at all")
        # Their ids are numbers in the order of the sends.
        in_order = [job.encode() for job in sorted(jobs)]
        return problems + ([] if line == in_order else ["they wait in another order than before"])

    return look


def test_whoever_is_killed_while_it_hands_a_session_back_leaves_the_rest_to_the_next(kill: Kill) -> None:
    kill(roles.end_a_session, held_by_one, roles.end_a_session, of_recovered(250), 6)


def test_whoever_is_killed_while_it_sweeps_leaves_the_rest_to_the_next(kill: Kill) -> None:
    kill(roles.sweep, held_by_several, roles.sweep, of_recovered(873), 6)


# What operators do.


def dead(at: Stage) -> None:
    rig = at.rig()
    ids = rig.send("next", 250)
    rig.open("s1", "next")
    rig.tell("s1", *(given.end("dead") for given in rig.ask("s1", "next", len(ids)).grants))
    rig.end("s1", blame=False)


def of_states(**states: int) -> Look:
    def look(at: Stage) -> list[str]:
        found = at.ledger.states("next")
        return at.ledger.problems() + ([] if found == Counter(states) else [f"{found}, not {states}"])

    return look


def test_a_retry_of_all_dead_letters_can_be_killed_and_done_again(kill: Kill) -> None:
    kill(roles.retry_the_dead, dead, roles.retry_the_dead, of_states(waiting=250), 12)


def test_a_purge_can_be_killed_and_done_again(kill: Kill) -> None:
    kill(roles.purge_all, lambda at: at.rig().send("next", 250), roles.purge_all, of_states(discarded=250), 6)


# Firing.


def undecided(at: Stage) -> None:
    """Ticks of more than a minute, of which none is decided: more than one call of the script takes."""
    link, config = at.broker.link, at.broker.config
    declare_schedules(link, config.version, config.schedules, roles.WHERE)
    link.scripts.client.hincrby(f"{link.keys.root}schedule:tick", "mark", -70_000_000)


def of_ticks(at: Stage) -> list[str]:
    """Each tick fired once."""
    events = events_in(at.broker.link.scripts.client, at.broker.link.keys.workstream("next", "log"), "fired")
    ticks = Counter(orjson.loads(event["x"])["tick"] for event in events)
    moments = sorted(datetime.fromisoformat(tick) for tick in ticks)
    problems = at.ledger.problems()
    if len(moments) < 70 or (moments[-1] - moments[0]).total_seconds() != len(moments) - 1:
        problems.append(f"of the ticks from {moments[0]} to {moments[-1]} only {len(moments)} fired")
    return problems + [f"{tick} fired {times} times" for tick, times in ticks.items() if times > 1]


def test_a_scheduler_that_is_killed_leaves_no_tick_out_and_fires_none_twice(kill: Kill) -> None:
    kill(roles.fire, undecided, roles.fire, of_ticks, 8)
