"""A call whose reply is lost on the way loses nothing, doubles nothing and leaks nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.promises.controls import CONTROLS
from tests.promises.fleet import Fleet, fleet, now
from tests.promises.life import LIMITS, TWICE, WORKSTREAMS, Life, problems_of_a_life
from tests.promises.operations import OPERATIONS
from tests.promises.outside import OUTSIDE
from tests.promises.proxy import Fate, LossyProxy, scripts
from tests.promises.scene import Scene, scene
from tests.support import wait_until, working
from workstreams.admit.sessions import Sessions
from workstreams.declare.publishing import publish
from workstreams.schedule.record import declare_schedules
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.store.scripts import Scripts

Operation = Callable[[Scene], None]
#: The scripts, or other commands, of which a call was lost.
Outcomes = dict[tuple[Operation, str], Future[set[str]]]
#: What happens to a call → how, and how many times in a row.
LOSSES: dict[str, tuple[Fate, int]] = {
    "its reply is lost": ("reply", 1),
    "its reply and that to its re-send are lost": ("reply", 2),
    "it is lost itself": ("request", 1),
    "a copy of it comes late": ("late", 1),
    "silence is the answer": ("silence", 1),
}
FIRST = next(iter(LOSSES))
EVERY = [*OPERATIONS, *CONTROLS, *OUTSIDE]
#: Those that write nothing, and the one that a worker's whole life is for.
ELSEWHERE = {"status", "limits", "schedules", "exchange"}
#: So many at a time: each waits most of the time, for a client to try again or to give up.
AT_ONCE = 24


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, server_url: str) -> Iterator[Outcomes]:
    """What came of every operation and loss that this run is to look at."""

    def run(operation: Operation, loss: str) -> set[str]:
        with scene(server_url, *LOSSES[loss]) as one:
            operation(one)
            return one.proxy.struck

    chosen: set[Any] = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "outcomes" in item.fixturenames:
            named = getattr(item, "callspec", None)
            operations = [named.params["operation"]] if named else EVERY
            chosen |= {(one, named.params["loss"] if named else FIRST) for one in operations}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # Those that wait longest first.
        ordered = sorted(chosen, key=lambda one: one[1] != "silence is the answer")
        yield {(operation, loss): threads.submit(run, operation, loss) for operation, loss in ordered}


@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: operation.__name__)
@pytest.mark.parametrize("loss", LOSSES)
def test_an_operation_has_its_effect_once_when(operation: Operation, loss: str, outcomes: Outcomes) -> None:
    outcomes[operation, loss].result()


NAP = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""

#: Seconds; what a worker that polled or waited for a reply would need is 10.
MOMENT = 5.0


@pytest.fixture
def far_fleet(
    tmp_path: Path, app_name: str, server_url: str, request: pytest.FixtureRequest
) -> Iterator[tuple[LossyProxy, Fleet]]:
    """A supervisor of one process with two threads, and what stands between it and Redis."""
    server = Path(server_url.removeprefix("unix://"))
    with (
        tempfile.TemporaryDirectory(prefix="wsp") as folder,
        LossyProxy(Path(folder), server) as proxy,
        fleet(
            tmp_path, app_name, proxy.url, "  work: {threads: 2}\n", NAP, "{processes: 1, lease: 2s}"
        ) as project,
    ):
        project.start().wait_for_workers(1)
        yield proxy, project


def test_a_renewal_that_meets_silence_costs_no_job_a_second_run(
    far_fleet: tuple[LossyProxy, Fleet], app_name: str, server_url: str
) -> None:
    proxy, project = far_fleet
    ids = project.send("work", "nap", 2, 3)
    wait_until(lambda: len(project.noted("start")) == 2)
    proxy.lose("renew", fate="silence")
    # Another supervisor looks for leases that ran out all the time.
    link = Link(lambda: server_url, Keys(app_name))
    others = Sessions(link.scripts)

    def ended() -> bool:
        others.renew([], 1_000_000)
        return {line.job for line in project.noted("end")} >= set(ids)

    wait_until(ended, 15)
    link.close()
    assert proxy.lost == 1
    assert project.runs() == Counter(dict.fromkeys(ids, 1))
    assert project.events("work", "reaped") == []


def test_an_exchange_that_meets_silence_holds_its_worker_up_for_a_moment_only(
    far_fleet: tuple[LossyProxy, Fleet],
) -> None:
    proxy, project = far_fleet
    proxy.lose("exchange", fate="silence")
    [job] = project.send("work", "nap", 1, 0)
    wait_until(lambda: proxy.lost)
    # 3 s are promised; a machine that is busy with other tests may add to that.
    project.wait_for_ends([job], MOMENT)
    assert project.runs()[job] == 1


def test_a_send_is_picked_up_in_a_moment_although_nobody_hears_the_wake_up(
    far_fleet: tuple[LossyProxy, Fleet],
) -> None:
    proxy, project = far_fleet
    began, keys = 0.0, project.broker.link.keys
    while now() - began > 1:
        # It looks by itself 7.5 s after it fell asleep, at the soonest: that must be long from now.
        began = now()
        project.wait_for_ends(project.send("work", "nap", 1, 0))
        wait_until(lambda: project.broker.link.scripts.client.zcard(keys.workstream("work", "sleepers")))
    proxy.deaf = True
    project.wait_for_ends(project.send("work", "nap", 1, 0), MOMENT)


def test_a_publication_that_comes_late_does_not_undo_a_later_one(server_url: str) -> None:
    with scene(server_url, "late") as one:
        one.configure(mail={"rate": "5/s"})
        one.lose_in_passing("publish", 1)
        publish(one.config, one.link.scripts)
        one.rig.publish(mail={"rate": "1/s"})
        one.deliver_late()


def test_a_declaration_of_schedules_that_comes_late_does_not_undo_a_later_one(server_url: str) -> None:
    with scene(server_url, "late") as one:
        tick = {"actor": "act", "workstream": "mail"}
        one.configure(mail=None, schedules={"tick": tick | {"every": "5m"}})
        one.lose_in_passing("schedule_declare", 1)
        declare_schedules(one.link, "1", one.config.schedules, {"tick": "mail"})
        one.configure(mail=None, schedules={"tick": tick | {"every": "1m"}})
        declare_schedules(one.direct, "1", one.config.schedules, {"tick": "mail"})
        one.deliver_late()


def test_an_exchange_that_comes_late_is_not_told_as_refused_although_it_was_carried_out(
    server_url: str,
) -> None:
    with scene(server_url, "late") as one:
        one.rig.send("mail")
        one.rig.open("s1", "mail")
        [given] = one.rig.ask("s1", "mail").grants
        one.lose_in_passing("exchange", 1)
        Scripts(one.link.scripts.client, one.rig.keys).run(
            "exchange", one.rig.call("s1", {}, [given.end("done")])
        )
        one.rig.end("s1", blame=False)
        one.proxy.deliver_late()
        one.expect_events(finish_refused=0)


def test_every_script_that_writes_is_among_the_operations(outcomes: Outcomes) -> None:
    lost = set().union(*(outcomes[operation, FIRST].result() for operation in EVERY))
    assert lost - {"EXEC"} == scripts() - ELSEWHERE


def live(one: Scene, operation: str, number: int) -> tuple[bool, list[str]]:
    """The life of a worker of whose calls one is lost: whether it was, and what is wrong in the end."""
    noted: Counter[str] = Counter()
    life = Life(one.configure(LIMITS, **WORKSTREAMS), lambda job: noted.update([job]))
    one.lose_in_passing(operation, number)
    with working(one.broker, 5):
        last = life.send()
        one.wait_until_away("work")
        one.wait_until_away("next")
        assert last.get_result(block=True, timeout=5_000) == 3
        if one.proxy.lost and one.fate == "late":
            one.deliver_late()
    twice = [job for job, runs in noted.items() if runs > 1]
    problems = problems_of_a_life(one.ledger, noted)
    return one.proxy.lost > 0, problems + ([f"{twice} ran twice"] if len(twice) != len(TWICE) else [])


@pytest.mark.parametrize("loss", ["its reply is lost", "a copy of it comes late"])
def test_a_worker_ends_every_job_once_whichever_of_its_exchanges_fares_so(loss: str, server_url: str) -> None:
    number, lost = 0, True
    while lost:
        number += 1
        with scene(server_url, *LOSSES[loss]) as one:
            lost, problems = live(one, "exchange", number)
            assert problems == [], f"exchange {number} was lost"
    assert number > 5, "the life was too short to show anything"


@pytest.mark.parametrize("operation", ["publish", "open_session", "renew", "exchange", "send", "end_session"])
def test_a_worker_ends_every_job_once_when_two_replies_in_a_row_are_lost(
    operation: str, server_url: str
) -> None:
    with scene(server_url, "reply", 2) as one:
        assert live(one, operation, 1) == (True, [])
