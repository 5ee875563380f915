"""Blocks beside jobs of the same limits: each gets its turn, and none is taken for the other."""

from __future__ import annotations

import threading
import time

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.state import list_jobs, read_status, read_workers
from workstreams.state.jobs_listing import JobFilter
from workstreams.wait.broker import WorkstreamBroker


def test_a_block_gets_its_turn_beside_a_backlog(api: WorkstreamBroker, make_config: MakeConfig) -> None:
    api.configure(make_config({"api": {"concurrency": 1}}, mail={"within": ["api"]}))
    overlaps: list[int] = []
    inside = threading.Lock()

    def alone(seconds: float) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(1)
            return
        time.sleep(seconds)  # the work
        inside.release()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        alone(0.01)

    act.send_many([()] * 300)
    with working(api, 4):
        for _ in range(5):
            with workstreams.limit("api", timeout="3s"):
                alone(0.01)
        [state] = read_status(api.link, api.config, ["mail"])
        assert state.waiting > 0, "there was no backlog, so nothing is shown"
        wait_until(lambda: read_status(api.link, api.config, ["mail"])[0].waiting == 0, 20)
    assert overlaps == []


def test_a_block_is_no_worker_and_no_job(api: WorkstreamBroker) -> None:
    with workstreams.limit("mail"):
        assert read_workers(api.link) == []
        [state] = read_status(api.link, api.config, ["mail"])
        assert state.running == 0
        assert [(slot.limit, slot.used) for slot in state.slots] == [("mail", 1), ("api", 1)]
        assert list_jobs(api.link, api.config, ["mail"], JobFilter()).jobs == ()
        # A worker that ends when nothing is left does not wait for it, nor does a test.
        api.join("mail", timeout=1000)
