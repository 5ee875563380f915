from __future__ import annotations

import json

import pytest

from tests.control.conftest import Desk
from tests.lua.rig import SECOND
from workstreams.control import cancel_jobs, discard_dead, retry_jobs
from workstreams.control import jobs as module
from workstreams.control.jobs import Change


def test_a_waiting_and_a_scheduled_job_are_cancelled_at_once(desk: Desk) -> None:
    [waits] = desk.rig.send("mail", key="k")
    [later] = desk.rig.send("mail", due=f"+{SECOND}")
    assert cancel_jobs(desk.link, "mail", [waits, later, "none"]) == [
        Change(waits, "waiting", True),
        Change(later, "scheduled", True),
        Change("none", "gone", False),
    ]
    for job in (waits, later):
        assert (desk.rig.state("mail", job), desk.places(job)) == ("cancelled", ["done"])
        assert ("cancelled", job) in desk.rig.events("mail")
    assert desk.counted()
    desk.rig.open("s1", "mail")
    assert desk.rig.ask("s1", "mail").ids == []


@pytest.mark.parametrize("outcome", ["retry", "dead", "defer", "handback", "cancelled"])
def test_a_running_job_that_was_cancelled_ends_as_cancelled_unless_it_succeeds(
    desk: Desk, outcome: str
) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    ears = desk.rig.listen("s1")
    assert cancel_jobs(desk.link, "mail", [job]) == [Change(job, "running", True)]
    assert ears.heard() == [("s1", f"mail/{job}~1 cancel")]
    ears.close()
    assert desk.rig.state("mail", job) == "running"
    desk.rig.tell("s1", given.end(outcome))
    assert (desk.rig.state("mail", job), desk.places(job)) == ("cancelled", ["done"])
    assert desk.rig.running("mail") == 0


@pytest.mark.parametrize(("outcome", "state"), [("done", "done"), ("discard", "discarded")])
def test_a_job_that_ended_before_it_was_interrupted_keeps_its_end(
    desk: Desk, outcome: str, state: str
) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    cancel_jobs(desk.link, "mail", [job])
    desk.rig.tell("s1", given.end(outcome))
    assert desk.rig.state("mail", job) == state
    assert cancel_jobs(desk.link, "mail", [job]) == [Change(job, state, False)]


@pytest.mark.parametrize("blame", [True, False])
def test_a_cancelled_job_whose_process_is_gone_is_not_run_again(desk: Desk, blame: bool) -> None:
    desk.rig.open("s1", "mail")
    [job, other] = desk.rig.send("mail", 2)
    desk.rig.ask("s1", "mail", 2)
    cancel_jobs(desk.link, "mail", [job])
    desk.rig.end("s1", blame=blame)
    assert (desk.rig.state("mail", job), desk.rig.state("mail", other)) == ("cancelled", "waiting")
    assert desk.counted()


def test_a_cancel_counts_for_the_delivery_that_ran_and_for_no_later_one(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    cancel_jobs(desk.link, "mail", [job])
    desk.rig.tell("s1", given.end("dead"))
    retry_jobs(desk.link, "mail", [job])
    [again] = desk.rig.ask("s1", "mail").grants
    assert again.delivery == 2
    desk.rig.tell("s1", again.end("dead"))
    assert desk.rig.state("mail", job) == "dead"


def test_the_process_of_a_job_that_does_not_stop_is_named_to_its_supervisor_after_ten_seconds(
    desk: Desk,
) -> None:
    desk.rig.open("s1", "mail")
    job, other = desk.rig.send("mail", 2)
    desk.rig.ask("s1", "mail", 2)
    cancel_jobs(desk.link, "mail", [job])
    desk.rig.advance(9 * SECOND)
    # Asked once more, it has no more time than at first.
    cancel_jobs(desk.link, "mail", [job])
    assert desk.rig.renew("s1")[2] == []
    desk.rig.advance(SECOND)
    assert desk.rig.renew("s1")[2] == [[b"s1", f"mail/{job}~1".encode()]]
    desk.rig.end("s1")
    assert (desk.rig.state("mail", job), desk.rig.state("mail", other)) == ("cancelled", "waiting")


def test_a_cancel_gives_no_job_more_time_than_it_has(desk: Desk) -> None:
    desk.declare(mail={"timeout": "1s"})
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    desk.rig.ask("s1", "mail")
    held = desk.rig.keys.held("s1")
    desk.rig.client.zadd(held, {f"mail/{job}~1": desk.rig.now + 1})
    cancel_jobs(desk.link, "mail", [job])
    assert desk.rig.client.zscore(held, f"mail/{job}~1") == desk.rig.now + 1


def test_when_the_first_in_line_is_cancelled_a_sleeper_looks_at_the_next(desk: Desk) -> None:
    desk.declare(mail={"rate": "3/h"})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", cost=2)
    assert len(desk.rig.ask("s1", "mail", 2).ids) == 1
    [dear] = desk.rig.send("mail", cost=2)
    [cheap] = desk.rig.send("mail", cost=1)
    assert desk.rig.ask("s1", "mail", 2).why == {"mail": "rate"}
    ears = desk.rig.listen("s1")
    cancel_jobs(desk.link, "mail", [dear])
    assert ears.heard() == [("s1", "mail now")]
    ears.close()
    assert desk.rig.ask("s1", "mail", 2).ids == [cheap]


@pytest.mark.parametrize("outcome", ["dead", "done", "discard"])
def test_an_ended_job_is_retried_with_all_its_attempts(desk: Desk, outcome: str) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail", key="k")
    for _ in range(2):
        [given] = desk.rig.ask("s1", "mail").grants
        counted = json.dumps({"retries": 1, "traceback": "…", "requeue_timestamp": 1, "kept": "é"})
        desk.rig.tell("s1", given.end("retry", opts=counted, at=0))
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end(outcome))
    [change] = retry_jobs(desk.link, "mail", [job])
    assert change.done
    record = desk.rig.job("mail", job)
    assert (record["state"], record["attempt"], json.loads(record["options"])) == (
        "waiting",
        "0",
        {"kept": "é"},
    )
    assert "ended" not in record
    assert desk.rig.client.ttl(desk.rig.keys.workstream("mail", "job", job)) == -1
    assert desk.places(job) == ["waiting"]
    [again] = desk.rig.ask("s1", "mail").grants
    # A delivery's number proves a lease, so it never begins again.
    assert (again.id, again.attempt, again.delivery, again.key) == (job, 1, 4, "k")


def test_a_cancelled_job_can_be_retried_and_its_old_result_is_gone(desk: Desk) -> None:
    [job] = desk.rig.send("mail")
    result = desk.rig.keys.workstream("mail", "result", job)
    desk.rig.client.set(result, "1")
    cancel_jobs(desk.link, "mail", [job])
    retry_jobs(desk.link, "mail", [job])
    assert (desk.rig.state("mail", job), desk.places(job)) == ("waiting", ["waiting"])
    assert not desk.rig.client.exists(result)


def test_what_was_held_against_a_job_is_forgotten_when_it_is_retried(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end("dead"))
    record = desk.rig.keys.workstream("mail", "job", job)
    desk.rig.client.hset(record, mapping={"crashes": 2, "lapses": 8})
    retry_jobs(desk.link, "mail", [job])
    assert (desk.rig.job("mail", job)["crashes"], desk.rig.job("mail", job).get("lapses", "0")) == ("0", "0")


def test_a_scheduled_retry_starts_now_and_keeps_its_count(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end("retry", opts='{"retries":1}', at=SECOND))
    ears = desk.rig.listen("s1")
    desk.rig.ask("s1", "mail")
    assert retry_jobs(desk.link, "mail", [job]) == [Change(job, "scheduled", True)]
    assert ("s1", "mail now") in ears.heard()
    ears.close()
    [again] = desk.rig.ask("s1", "mail").grants
    assert (again.id, again.attempt, json.loads(again.options)) == (job, 2, {"retries": 1})


def test_a_job_that_waits_or_runs_is_not_retried(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    runs, waits = desk.rig.send("mail", 2)
    desk.rig.ask("s1", "mail", 1)
    before = desk.rig.job("mail", runs), desk.rig.job("mail", waits)
    changes = retry_jobs(desk.link, "mail", [runs, waits, "none"])
    assert [(change.was, change.done) for change in changes] == [
        ("running", False),
        ("waiting", False),
        ("gone", False),
    ]
    assert before == (desk.rig.job("mail", runs), desk.rig.job("mail", waits))


def test_a_dead_letter_is_discarded_by_name_and_nothing_else_is(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    dead, waits = desk.rig.send("mail", 2)
    [given] = desk.rig.ask("s1", "mail", 1).grants
    desk.rig.tell("s1", given.end("dead"))
    changes = discard_dead(desk.link, "mail", [dead, waits, "none"])
    assert [change.done for change in changes] == [True, False, False]
    assert (desk.rig.state("mail", dead), desk.places(dead)) == ("discarded", ["done"])
    assert ("discarded", dead) in desk.rig.events("mail")
    assert desk.rig.state("mail", waits) == "waiting"


@pytest.mark.parametrize(
    ("operation", "more", "words"),
    [
        ("job_cancel", {}, 1),
        ("dead_discard", {}, 1),
        ("job_retry", {}, 3),
        ("purge", {"state": "dead", "most": 5}, 0),
    ],
)
def test_a_call_that_is_sent_again_has_no_second_effect(
    desk: Desk, operation: str, more: dict[str, object], words: int
) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    if operation != "job_cancel":
        desk.rig.tell("s1", given.end("dead"))
    call = {"workstream": "mail", "request": "r1", "epoch": "", "fresh": "r1", **more}
    arguments = [job, "{}", "{}"][:words]
    first = desk.rig.scripts.run(operation, call, arguments)
    before = desk.rig.everything()
    assert desk.rig.scripts.run(operation, call, arguments) == first
    assert desk.rig.everything() == before


def test_options_that_change_while_they_are_read_are_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.rig.open("s1", "mail")
    [job] = desk.rig.send("mail")
    [given] = desk.rig.ask("s1", "mail").grants
    desk.rig.tell("s1", given.end("dead", opts='{"retries":1,"kept":1}'))
    record = desk.rig.keys.workstream("mail", "job", job)
    real, seen = module._words, []

    def words(*given: object) -> object:
        found = real(*given)  # type: ignore[arg-type]  # passes on what it is given
        if not seen:
            # Somebody retried it, and it died once more, between the reading and the call.
            desk.rig.client.hset(record, "options", '{"retries":2,"kept":2}')
        seen.append(found)
        return found

    monkeypatch.setattr(module, "_words", words)
    assert retry_jobs(desk.link, "mail", [job]) == [Change(job, "dead", True)]
    assert (len(seen), json.loads(desk.rig.job("mail", job)["options"])) == (2, {"kept": 2})
