"""Random histories of a workstream that is worked on and interfered with, checked after every step."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.control.conftest import Desk
from tests.lua.rig import SECOND, Given
from workstreams.control import (
    cancel_jobs,
    discard_all,
    discard_dead,
    pause,
    purge,
    resume,
    retry_all,
    retry_jobs,
)

ENDED = {"dead": "dead", "done": "done", "cancelled": "done", "discarded": "done"}
#: Where a job of each state stands.
PLACE = {"waiting": "waiting", "scheduled": "scheduled", "running": "running", **ENDED}
OUTCOMES = ["done", "retry", "defer", "handback", "dead", "discard", "cancelled"]


class Interference(RuleBasedStateMachine):
    """Two processes work while somebody cancels, retries, discards, purges, pauses and kills."""

    client: redis.Redis
    url: str
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.desk = Desk(self.client, self.url, self.folder)
        self.desk.declare(limits={"api": {"concurrency": 2}}, mail={"within": "api", "concurrency": 3})
        self.jobs: list[str] = []
        self.given: dict[str, tuple[str, Given]] = {}
        self.stale: list[tuple[str, Given]] = []
        #: Jobs that were asked to stop in the delivery that they run in.
        self.stopping: set[str] = set()
        self.paused = False
        self.sessions = 0
        self.sids = [self._open(), self._open()]

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.link.close()

    def _open(self) -> str:
        self.sessions += 1
        return self.desk.rig.open(f"s{self.sessions}", "mail")

    def some(self, data: st.DataObject) -> list[str]:
        return data.draw(st.lists(st.sampled_from(self.jobs), min_size=1, max_size=3, unique=True))

    @rule(n=st.integers(1, 4), key=st.sampled_from(["", "k", "m"]), delay=st.sampled_from([0, 0, SECOND]))
    def send(self, n: int, key: str, delay: int) -> None:
        self.jobs += self.desk.rig.send("mail", n, key=key, due=f"+{delay}" if delay else "")

    @rule(which=st.integers(0, 1), n=st.integers(1, 3))
    def ask(self, which: int, n: int) -> None:
        sid = self.sids[which]
        for given in self.desk.rig.ask(sid, "mail", n).grants:
            assert not self.paused, "a paused workstream admits nothing"
            assert given.id not in self.given, "a job runs once at a time"
            self.given[given.id] = (sid, given)

    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), wait=st.sampled_from([0, SECOND]))
    @precondition(lambda self: self.given)
    def finish(self, data: st.DataObject, outcome: str, wait: int) -> None:
        job = data.draw(st.sampled_from(sorted(self.given)))
        sid, given = self.given.pop(job)
        self.desk.rig.tell(sid, given.end(outcome, at=wait))
        self.stale.append((sid, given))
        if job in self.stopping:
            assert self.desk.rig.state("mail", job) in ("done", "discarded", "cancelled")
            self.stopping.discard(job)

    @rule(data=st.data())
    @precondition(lambda self: self.stale)
    def finish_again(self, data: st.DataObject) -> None:
        """A delivery that has ended ends no second time, whatever became of its job."""
        sid, given = data.draw(st.sampled_from(self.stale))
        before = self.desk.rig.job("mail", given.id)
        if sid in self.sids:
            assert self.desk.rig.tell(sid, given.end("done")).refused == (0,)
        assert self.desk.rig.job("mail", given.id) == before

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def cancel(self, data: st.DataObject) -> None:
        for change in cancel_jobs(self.desk.link, "mail", self.some(data)):
            if change.was == "running":
                self.stopping.add(change.job)
            elif change.done:
                assert self.desk.rig.state("mail", change.job) == "cancelled"

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def retry(self, data: st.DataObject) -> None:
        for change in retry_jobs(self.desk.link, "mail", self.some(data)):
            assert change.done == (change.was not in ("waiting", "running"))
            if change.done:
                assert self.desk.rig.state("mail", change.job) == "waiting"

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def discard(self, data: st.DataObject) -> None:
        for change in discard_dead(self.desk.link, "mail", self.some(data)):
            assert change.done == (change.was == "dead")

    @rule(again=st.booleans())
    def empty_the_dead(self, again: bool) -> None:
        there = self.client.zcard(self.desk.rig.keys.workstream("mail", "dead"))
        assert (retry_all if again else discard_all)(self.desk.link, "mail") == there
        assert self.client.zcard(self.desk.rig.keys.workstream("mail", "dead")) == 0

    @rule(state=st.sampled_from(["waiting", "scheduled", "dead"]))
    def purge(self, state: str) -> None:
        purge(self.desk.link, "mail", state)
        now = self.desk.rig.now
        for job in self.jobs:
            record = self.desk.rig.job("mail", job)
            due = record.get("state") == "scheduled" and int(record["due"]) <= now
            assert ("waiting" if due else record.get("state")) != state

    @rule()
    def pause_or_resume(self) -> None:
        self.paused = not self.paused
        assert (pause if self.paused else resume)(self.desk.link, self.desk.config, "mail")

    @rule(which=st.integers(0, 1), blame=st.booleans())
    def crash(self, which: int, blame: bool) -> None:
        sid = self.sids[which]
        self.desk.rig.end(sid, blame=blame)
        for job in [job for job, (held_by, _) in self.given.items() if held_by == sid]:
            self.stale.append(self.given.pop(job))
            if job in self.stopping:
                assert self.desk.rig.state("mail", job) == "cancelled"
                self.stopping.discard(job)
        self.sids[which] = self._open()

    @rule(us=st.sampled_from([1_000, SECOND, 5 * SECOND]))
    def advance(self, us: int) -> None:
        self.desk.rig.advance(us)

    @invariant()
    def every_job_stands_where_its_state_says(self) -> None:
        if not hasattr(self, "desk"):
            return
        for job in self.jobs:
            state = self.desk.rig.state("mail", job)
            assert self.desk.places(job) == [PLACE[state]], (job, state)
            assert (state == "running") == (job in self.given)

    @invariant()
    def what_is_counted_is_there(self) -> None:
        if not hasattr(self, "desk"):
            return
        assert self.desk.counted()
        running = {f"{job}~{given.delivery}" for job, (_, given) in self.given.items()}
        keys = self.desk.rig.keys
        assert {
            one.decode() for one in self.client.zrange(keys.workstream("mail", "running"), 0, -1)
        } == running
        assert {one.decode() for one in self.client.zrange(keys.limit("api", "holders"), 0, -1)} == running


@pytest.mark.timeout(120)
def test_whatever_is_done_at_once_every_job_is_in_one_place_and_every_slot_is_held_by_who_runs(
    shared_client: redis.Redis, server_url: str, tmp_path: Path
) -> None:
    class Machine(Interference):
        client, url, folder = shared_client, server_url, tmp_path

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
