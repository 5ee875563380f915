from __future__ import annotations

import json

import pytest

from tests.state.conftest import App
from workstreams.errors import JobNotFound, RedisUnavailable, RedisUnsuitable
from workstreams.state import Hold, JobState, read_job
from workstreams.store.link import Link


def read(app: App, job: str) -> JobState:
    return read_job(app.link, app.config, job)


def test_a_waiting_job_is_told_with_what_was_sent_and_why_it_waits(app: App) -> None:
    app.send("free", key="acme")
    job = read(app, app.send("free", 7, key="acme", cost=2))
    assert (job.workstream, job.actor, job.state) == ("free", "act", "waiting")
    assert (job.args, job.kwargs, job.key, job.cost) == ((7,), {"to": "ann"}, "acme", 2)
    assert (job.hold, job.ahead) == (Hold("no worker"), 1)
    assert (job.attempt, job.deliveries, job.error, job.started, job.ended) == (0, 0, None, None, None)
    assert job.sent is not None


def test_the_cost_of_the_job_itself_decides_whether_a_rate_holds_it(app: App) -> None:
    app.open_session("slow")
    cheap = app.send("slow")
    app.exchange([("slow", 1)])
    dear = app.send("slow", cost=2)
    other = app.send("slow")
    assert read(app, cheap).hold == Hold("")
    assert read(app, dear).hold.why == "rate"
    assert read(app, other).hold.why == "next"


def test_a_scheduled_job_has_its_time_and_no_other_reason(app: App) -> None:
    job = read(app, app.send("free", due="+3600000000"))
    assert (job.state, job.hold, job.ahead) == ("scheduled", Hold(""), None)
    assert job.due is not None
    assert job.sent is not None
    assert job.due - job.sent == 3_600_000_000


def test_a_running_job_has_its_worker_and_its_first_attempt(app: App) -> None:
    app.open_session("free")
    sent = app.send("free")
    app.exchange([("free", 1)])
    job = read(app, sent)
    assert (job.state, job.worker, job.attempt, job.deliveries) == ("running", "host:42", 1, 1)
    assert job.started is not None
    assert job.hold == Hold("")


def test_a_dead_job_has_its_error_and_its_end(app: App) -> None:
    app.open_session("free")
    sent = app.send("free")
    app.exchange([("free", 1)])
    app.finish("free", sent, "dead", err=json.dumps({"type": "ValueError", "message": "no"}))
    job = read(app, sent)
    assert (job.state, job.attempt) == ("dead", 1)
    assert job.error == {"type": "ValueError", "message": "no"}
    assert job.ended is not None


def test_a_retried_job_has_spent_the_attempts_it_made(app: App) -> None:
    app.open_session("free")
    sent = app.send("free")
    app.exchange([("free", 1)])
    app.finish("free", sent, "retry", at=60_000_000, opts='{"retries":1}', err="{}", x="{}")
    job = read(app, sent)
    assert (job.state, job.attempt, job.options) == ("scheduled", 1, {"retries": 1})


def test_an_unknown_job_is_told_as_such(app: App) -> None:
    app.send("free")
    for unknown in ("0192", "", "a:b", "\x00", "ö" * 300, "\udcff"):
        with pytest.raises(JobNotFound):
            read(app, unknown)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", b"\xff\xfe"),
        ("body", b"[]"),
        ("body", b""),
        ("options", b"null"),
        ("error", b"not json"),
        ("error", b"[1]"),
        ("sent", b"soon"),
        ("sent", b"9" * 40),
        ("due", b"1e300"),
        ("attempt", b"-1"),
        ("cost", b"dear"),
        ("cost", b"nan"),
        ("cost", b"inf"),
        ("state", b"\xff"),
        ("key", b"\xff\x00"),
    ],
)
def test_nonsense_in_a_record_is_shown_as_far_as_it_can_be_read(app: App, field: str, value: bytes) -> None:
    sent = app.send("free")
    app.link.scripts.client.hset(app.key("free", "job", sent), field, value)
    job = read(app, sent)
    assert job.id == sent
    assert set(job.record()) >= {"job", "state", "held", "args", "error", "problem"}
    if field in ("body", "options"):
        assert job.problem


def test_a_foreign_key_in_the_place_of_a_record_is_an_error_with_a_reason(app: App) -> None:
    app.link.scripts.client.set(app.key("one", "job", "x"), "text")
    with pytest.raises(RedisUnsuitable):
        read(app, "x")


def test_a_server_that_is_away_is_told_as_such(app: App) -> None:
    away = Link(lambda: "redis://127.0.0.1:1/0", app.link.keys)
    with pytest.raises(RedisUnavailable):
        read_job(away, app.config, "x")
