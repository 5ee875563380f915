from __future__ import annotations

import pytest

from tests.state.conftest import App
from workstreams.state import JobFilter, list_jobs
from workstreams.state import jobs_listing as module


def ids(app: App, *names: str, **wanted: object) -> list[str]:
    return [job.id for job in list_jobs(app.link, app.config, names or None, JobFilter(**wanted)).jobs]  # type: ignore[arg-type]  # words of a test


def test_the_newest_of_many_keys_come_first_however_they_are_spread(app: App) -> None:
    sent = [app.send("free", key=f"k{number % 7}") for number in range(60)]
    assert ids(app, "free", limit=25) == sent[:-26:-1]
    assert ids(app, "free", key="k3", limit=4) == [job for job in sent[::-1] if sent.index(job) % 7 == 3][:4]


def test_every_state_has_its_place_in_one_list(app: App) -> None:
    app.open_session("free")
    done, dead, runs = (app.send("free") for _ in range(3))
    app.exchange([("free", 3)])
    app.finish("free", done, "done")
    app.finish("free", dead, "dead", err='{"type":"E","message":"no"}')
    waits, later = app.send("one"), app.send("one", due="+3600000000")
    listing = list_jobs(app.link, app.config, None, JobFilter())
    assert {job.id: job.state for job in listing.jobs} == {
        done: "done",
        dead: "dead",
        runs: "running",
        waits: "waiting",
        later: "scheduled",
    }
    assert [job.at for job in listing.jobs] == sorted((job.at for job in listing.jobs), reverse=True)
    assert listing.complete
    for state, job in (
        ("done", done),
        ("dead", dead),
        ("running", runs),
        ("waiting", waits),
        ("scheduled", later),
    ):
        assert ids(app, state=state) == [job]


def test_jobs_are_found_by_the_type_of_their_last_error_and_by_no_part_of_it(app: App) -> None:
    app.open_session("free")
    jobs = [app.send("free") for _ in range(3)]
    app.exchange([("free", 3)])
    for job, error in zip(jobs, ('{"type":"E"}', '{"type":"EE"}', "no JSON"), strict=True):
        app.finish("free", job, "dead", err=error)
    assert ids(app, state="dead", error="E") == [jobs[0]]
    assert ids(app, error="EE") == [jobs[1]]
    assert ids(app, error="e") == []


def test_a_waiting_job_says_why_its_workstream_holds_it(app: App) -> None:
    job = app.send("closed")
    [found] = list_jobs(app.link, app.config, ["closed"], JobFilter()).jobs
    assert (found.id, found.hold.why) == (job, "paused")


def test_jobs_are_found_by_actor_far_behind_others_and_it_says_when_it_gave_up(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.send("free")
    oldest = app.send("free")
    app.link.scripts.client.hset(app.key("free", "job", oldest), "actor", "rare")
    for _ in range(250):
        app.send("free")
    assert ids(app, "free", actor="rare") == [oldest]
    monkeypatch.setattr(module, "LOOKED_AT", 100)
    listing = list_jobs(app.link, app.config, ["free"], JobFilter(actor="rare"))
    assert (listing.jobs, listing.complete) == ((), False)


def test_what_happened_before_since_is_left_out(app: App) -> None:
    app.open_session("free")
    early = app.send("free")
    app.exchange([("free", 1)])
    app.finish("free", early, "done")
    [found] = list_jobs(app.link, app.config, ["free"], JobFilter()).jobs
    assert ids(app, "free", since=found.at) == [early]
    assert ids(app, "free", since=found.at + 1) == []


def test_an_index_may_name_a_job_that_was_forgotten(app: App) -> None:
    app.link.scripts.client.zadd(app.key("free", "done"), {"ghost": 1})
    assert ids(app, "free") == []
