from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Command, Project
from tests.support import wait_until
from workstreams.admit.sessions import SessionInfo, Sessions
from workstreams.store.keys import Keys
from workstreams.store.link import Link

#: Lets a job run and returns its id, and a thread that ends it so as soon as it is asked to stop.
Take = Callable[[str], tuple[str, threading.Thread]]


@pytest.fixture
def take(project: Project, server: str, call: Command) -> Take:
    """A job of ``free`` that runs, in the hands of the test: ``take("cancelled")``."""
    link, sid = Link(lambda: server, Keys(project.app)), uuid4().hex
    numbers = iter(range(1, 100))

    def exchange(wants: list[Any], finishes: list[Any]) -> Any:
        header = {"sid": sid, "worker": "host:1", "seq": next(numbers), "epoch": "", "fresh": "e"}
        return link.scripts.run("exchange", header | {"leaving": False, "wants": wants, "finishes": finishes})

    def run(outcome: str) -> tuple[str, threading.Thread]:
        job = call("send", "free", "greet").out.strip()
        info = SessionInfo(sid, "host:1", "main", ("free",), 3, "host", 1)
        Sessions(link.scripts).open(info, 60_000_000)
        [grant] = exchange([["free", 1]], [])[3]
        record = link.keys.workstream("free", "job", job)

        def end() -> None:
            wait_until(lambda: link.scripts.client.hget(record, "cancel"))
            exchange([], [{"w": "free", "i": job, "d": grant[2], "o": outcome, "us": 1}])

        return job, threading.Thread(target=end, daemon=True)

    return run


@pytest.mark.usefixtures("project")
def test_a_job_is_shown_with_its_state_reason_payload_and_log(call: Command) -> None:
    job = call("send", "mail", "greet", "ann", "--kwargs", '{"n": 1}', "--key", "acme").out.strip()
    ended = call("job", "show", job)
    assert (ended.code, ended.err) == (0, "")
    head, log = ended.out.split("\n\n")
    rows = dict(line.split(None, 1) for line in head.splitlines())
    assert (rows["job"], rows["workstream"], rows["actor"], rows["state"]) == (
        job,
        "mail",
        "greet",
        "waiting",
    )
    assert (rows["args"], rows["kwargs"], rows["key"]) == ('["ann"]', '{"n":1}', "acme")
    assert "no worker" in rows["waits"]
    assert "sent" in log
    assert call("job", "show", job, "--json").objects()[0]["log"][0]["event"] == "sent"


@pytest.mark.usefixtures("project")
def test_secrets_of_a_payload_are_never_shown(call: Command) -> None:
    words = ["send", "mail", "greet", '{"api_key": "hunter2"}', "--kwargs", '{"password": "hunter2"}']
    job = call(*words).out.strip()
    for ended in (call("job", "show", job), call("job", "show", job, "--json")):
        assert "hunter2" not in ended.out
        assert "[redacted]" in ended.out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("job", ["0192", "", "a:b", "\udcff", "x" * 5000])
def test_an_unknown_job_ends_with_1(call: Command, job: str) -> None:
    ended = call("job", "show", job)
    assert (ended.code, ended.out) == (1, "")
    assert "expected the id of a job that is kept" in ended.err


@pytest.mark.usefixtures("project")
def test_a_job_that_waits_is_cancelled_and_is_so_when_asked_again(call: Command) -> None:
    job = call("send", "mail", "greet").out.strip()
    for _ in range(2):
        ended = call("job", "cancel", job)
        assert (ended.code, ended.out, ended.err) == (0, f"{job} is cancelled\n", "")


def test_a_job_that_stops_within_a_second_is_said_to_be_cancelled(call: Command, take: Take) -> None:
    job, stops = take("cancelled")
    stops.start()
    ended = call("job", "cancel", job)
    stops.join()
    assert (ended.code, ended.out) == (0, f"{job} is cancelled (it ran)\n")


def test_a_job_that_does_not_stop_at_once_is_said_to_run_still(call: Command, take: Take) -> None:
    job, _ = take("cancelled")
    ended = call("job", "cancel", job)
    assert ended.code == 0
    assert ended.out.startswith(f"{job} was asked to stop and still runs; if it goes on, its process")
    assert call("job", "show", job, "--json").objects()[0]["cancelling"] is True


def test_a_job_that_was_done_before_it_could_stop_is_not_said_to_be_cancelled(
    call: Command, take: Take
) -> None:
    job, is_done = take("done")
    is_done.start()
    ended = call("job", "cancel", job)
    is_done.join()
    assert (ended.code, ended.out) == (1, "")
    assert "to stop, found it done" in ended.err
    assert "to wait or to run, found it done" in call("job", "cancel", job).err


def test_a_traceback_is_shown_once_however_often_the_job_failed_by_it(
    project: Project, server: str, call: Command
) -> None:
    job = call("send", "mail", "greet").out.strip()
    link = Link(lambda: server, Keys(project.app))
    client, keys = link.scripts.client, link.keys
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback: the same"}
    facts = {"started": 1, "attempt": 3, "deliveries": 3, "error": json.dumps(error)}
    client.hset(keys.workstream("mail", "job", job), mapping=facts)
    for trace in ("Traceback: the same", "Traceback: another", "Traceback: the same"):
        line = {"ts": "2030-01-31T12:00:00Z", "level": "error", "event": "failed", "exception": trace}
        entry = client.xadd(keys.workstream("mail", "log"), {"o": json.dumps(line), "j": job})
        client.rpush(keys.workstream("mail", "lines", job), entry)
    shown = call("job", "show", job).out
    link.close()
    assert shown.count("Traceback: the same") == 1
    assert shown.count("Traceback: another") == 1
    assert shown.count(" failed") == 3
    assert "attempts    3\n" in shown
    [record] = call("job", "show", job, "--json").objects()
    assert [line.get("exception") for line in record["log"]].count("Traceback: the same") == 2


def test_deliveries_and_crashes_are_told_where_they_differ_from_the_attempts(
    project: Project, server: str, call: Command
) -> None:
    job = call("send", "mail", "greet").out.strip()
    link = Link(lambda: server, Keys(project.app))
    facts = {"attempt": 1, "deliveries": 3, "crashes": 2}
    link.scripts.client.hset(link.keys.workstream("mail", "job", job), mapping=facts)
    link.close()
    told = "attempts    1, given to a worker 3 times, 2 ended by a crash"
    assert told in call("job", "show", job).out


@pytest.mark.usefixtures("project")
def test_a_job_is_found_by_the_end_of_its_id_that_the_log_shows(call: Command) -> None:
    job, other = (call("send", "mail", "greet", n).out.strip() for n in "12")
    assert f"job         {job}" in call("job", "show", job[-8:]).out
    assert call("job", "cancel", job[-8:]).out == f"{job} is cancelled\n"
    assert call("job", "retry", job[-8:]).out == f"{job} waits (it was cancelled)\n"
    lines = call("tail", "--job", other[-8:], "--no-follow", "--json").objects()
    assert [line["job"] for line in lines] == [other]
    ended = call("job", "show", job[-7:])
    assert (ended.code, ended.out) == (1, "")


@pytest.mark.usefixtures("project")
def test_an_end_that_two_ids_have_is_told_with_both(call: Command) -> None:
    for job in ("first-order-42", "second-order-42"):
        call("send", "mail", "greet", "--job-id", job)
    ended = call("job", "cancel", "order-42")
    assert (ended.code, ended.out) == (2, "")
    assert "first-order-42" in ended.err
    assert "second-order-42" in ended.err
    assert call("job", "cancel", "first-order-42").code == 0
