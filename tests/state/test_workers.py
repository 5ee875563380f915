from __future__ import annotations

import pytest

from tests.state.conftest import LEASE, App
from tests.store.servers import wait_until
from workstreams.errors import RedisUnavailable, RedisUnsuitable
from workstreams.state import HeldJob, read_workers
from workstreams.store.link import Link


def test_a_live_worker_is_told_with_what_it_runs(app: App) -> None:
    sid = app.open_session("free", "one")
    job = app.send("free")
    app.exchange([("free", 1)])
    (worker,) = read_workers(app.link)
    assert (worker.session, worker.host, worker.pid, worker.pool) == (sid, "host", 42, "main")
    assert worker.workstreams == ("free", "one")
    assert worker.jobs == (HeldJob("free", job),)
    assert 0 < worker.lease <= LEASE
    assert worker.since is not None
    assert worker.record()["jobs"] == [{"workstream": "free", "job": job}]


def test_without_workers_there_are_none(app: App) -> None:
    assert read_workers(app.link) == []


def test_a_worker_whose_lease_ran_out_is_gone(app: App) -> None:
    app.open_session("free", lease=1)
    wait_until(lambda: read_workers(app.link) == [])


def test_a_session_with_nonsense_in_it_is_shown_as_far_as_it_can_be_read(app: App) -> None:
    sid = app.open_session("free")
    client = app.link.scripts.client
    client.hset(app.link.keys.session(sid), mapping={"pid": b"\xff", "started": "soon", "workstreams": ",,"})
    client.zadd(app.link.keys.held(sid), {b"\xff": 1})
    (worker,) = read_workers(app.link)
    assert (worker.pid, worker.since, worker.workstreams) == (None, None, ())
    assert len(worker.jobs) == 1


def test_a_foreign_key_in_the_place_of_the_sessions_is_an_error_with_a_reason(app: App) -> None:
    app.link.scripts.client.set(app.link.keys.sessions, "text")
    with pytest.raises(RedisUnsuitable):
        read_workers(app.link)


def test_a_server_that_is_away_is_told_as_such(app: App) -> None:
    with pytest.raises(RedisUnavailable):
        read_workers(Link(lambda: "redis://127.0.0.1:1/0", app.link.keys))
