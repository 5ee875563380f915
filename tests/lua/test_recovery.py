"""What a crash, an outage and a forgetful Redis leave behind: promises I1, I3 and I4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.lua.rig import SECOND, Rig


@pytest.fixture
def running(shared_client: redis.Redis, tmp_path: Path) -> Rig:
    """A rig whose clock runs, with two sessions of a lease of 5 s."""
    made = Rig(shared_client, tmp_path)
    made.publish(mail={"concurrency": 20})
    for sid in ("s1", "s2"):
        made.open(sid, "mail", lease=5 * SECOND)
    return made


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"concurrency": 20})
    return rig


def test_an_outage_longer_than_the_lease_costs_nobody_who_lives_a_job(running: Rig) -> None:
    running.send("mail", 2)
    [given] = running.ask("s1", "mail", 1).grants
    running.shift(60 * SECOND)
    # Whoever is back first finds all leases run out, and may not know yet who lives.
    assert running.ask("s2", "mail", 1).ids != [given.id]
    assert running.renew("s1", lease=5 * SECOND)[1] == []
    running.shift(4 * SECOND)
    running.renew("s2", lease=5 * SECOND)
    assert running.tell("s1", given.end("done")).refused == ()


def test_who_does_not_come_back_after_an_outage_is_swept_when_the_others_had_time(running: Rig) -> None:
    [job] = running.send("mail", 1)
    running.ask("s1", "mail", 1)
    running.shift(60 * SECOND)
    wait = int(running.renew("s2", lease=60 * SECOND)[3])
    assert 0 < wait <= 3 * SECOND
    assert running.ask("s2", "mail", 1).ids == []
    # Nobody was away this time: the fleet was heard of a moment ago.
    running.shift(SECOND)
    running.ask("s2", "mail", 1)
    running.shift(SECOND)
    running.ask("s2", "mail", 1)
    running.shift(SECOND)
    assert running.ask("s2", "mail", 1).ids == [job]


def test_whose_lease_ran_out_is_told_so_at_once(mail: Rig) -> None:
    ears = mail.listen()
    ears.add(mail.open("s1", "mail", lease=5 * SECOND))
    mail.open("s2", "mail")
    mail.send("mail", 1)
    mail.ask("s1", "mail", 1)
    ears.heard()
    mail.advance(5 * SECOND)
    mail.ask("s2", "mail", 1)
    assert ("s1", "* now") in ears.heard()
    ears.close()


@pytest.mark.parametrize(("watched", "most"), [("1", 9), ("0", 3)])
def test_a_lease_that_only_ran_out_counts_for_less_where_a_supervisor_would_have_seen_a_death(
    mail: Rig, watched: str, most: int
) -> None:
    [job] = mail.send("mail", 1)
    for n in range(most):
        assert mail.state("mail", job) != "dead"
        sid = mail.open(f"x{n}", "mail", lease=SECOND, watched=watched)
        mail.advance(500_000)
        assert mail.ask(sid, "mail").ids == [job]
        mail.advance(SECOND)
        mail.renew()
    assert mail.state("mail", job) == "dead"


def test_neighbours_of_a_poison_job_are_blamed_less_often_than_it_takes(mail: Rig) -> None:
    killer, *neighbours = mail.send("mail", 8)
    done: set[str] = set()
    for n in range(40):
        sid = mail.open(f"x{n}", "mail", most=3)
        granted = mail.ask(sid, "mail", 8).grants
        if killer in [given.id for given in granted]:
            mail.end(sid)
        else:
            mail.tell(sid, *(given.end("done") for given in granted))
            done |= {given.id for given in granted}
            mail.end(sid, blame=False)
        mail.advance(SECOND)
    assert mail.state("mail", killer) == "dead"
    assert done == set(neighbours)
    assert {int(mail.job("mail", one).get("crashes", 0)) for one in neighbours} == {2}


def test_jobs_of_a_process_that_died_for_the_first_time_run_again_all_at_once(mail: Rig) -> None:
    ids = mail.send("mail", 8)
    mail.open("s1", "mail")
    mail.ask("s1", "mail", 8)
    mail.end("s1")
    mail.open("s2", "mail")
    assert mail.ask("s2", "mail", 8).ids == ids


def test_a_lone_suspect_does_not_hold_up_what_stands_behind_it(mail: Rig) -> None:
    first, second = mail.send("mail", 2)
    for n in range(2):
        mail.open(f"x{n}", "mail")
        assert mail.ask(f"x{n}", "mail", 2).ids == [first, second]
        mail.end(f"x{n}")
    fresh = mail.send("mail", 3)
    mail.open("s1", "mail")
    answer = mail.ask("s1", "mail", 5)
    assert answer.ids == [first, *fresh]
    assert answer.wait["mail"] == 500_000
    mail.open("s2", "mail")
    mail.advance(500_000)
    assert mail.ask("s2", "mail", 5).ids == [second]


def test_at_most_one_delivery_means_that_a_crash_is_the_end_and_no_job_waits_for_another(mail: Rig) -> None:
    ids = mail.send("mail", 4)
    mail.open("s1", "mail", most=1)
    assert mail.ask("s1", "mail", 4).ids == ids
    mail.end("s1")
    assert {mail.state("mail", job) for job in ids} == {"dead"}


def test_an_end_that_redis_forgot_frees_its_slot_when_its_process_says_what_it_runs(mail: Rig) -> None:
    mail.open("s1", "mail")
    ids = mail.send("mail", 3)
    one, two, three = mail.ask("s1", "mail", 3).grants
    # The process has told the end of the first; Redis went back to before it heard that.
    answer = mail.exchange(mail.call("s1", {}, [two.end("done")], holds=[f"mail/{three.id}~1"]))
    assert answer is not None
    assert (answer.gone, answer.refused) == ((), ())
    assert [mail.state("mail", job) for job in ids] == ["waiting", "done", "running"]
    assert ("handed_back", one.id) in mail.events("mail")
    assert mail.running("mail") == 1
    assert mail.job("mail", one.id).get("crashes") is None


def test_what_runs_without_a_lease_is_named_to_its_process(mail: Rig) -> None:
    mail.open("s1", "mail")
    mail.send("mail", 1)
    [given] = mail.ask("s1", "mail").grants
    holds = [f"mail/{given.id}~1", "mail/forgotten~1"]
    answer = mail.exchange(mail.call("s1", {}, holds=holds))
    assert answer is not None
    assert answer.gone == ("mail/forgotten~1",)
    assert mail.state("mail", given.id) == "running"


def test_a_record_of_another_kind_holds_up_the_recovery_of_no_other_job(mail: Rig) -> None:
    mail.open("s1", "mail")
    mail.open("s2", "mail")
    spoiled, *others = mail.send("mail", 3)
    mail.ask("s1", "mail", 3)
    mail.client.set(mail.keys.workstream("mail", "job", spoiled), "not ours")
    assert mail.end("s1") == 3
    assert mail.ask("s2", "mail", 3).ids == others


def test_one_outage_hands_no_job_from_one_lapsed_process_to_the_next(mail: Rig) -> None:
    for sid in ("s1", "s2", "s3"):
        mail.open(sid, "mail", lease=SECOND)
    [job] = mail.send("mail", 1)
    assert mail.ask("s1", "mail").ids == [job]
    mail.advance(2 * SECOND)
    answer = mail.ask("s2", "mail")
    assert (answer.ids, answer.why["mail"]) == ([], "lease")
    mail.renew("s2", "s3", lease=SECOND)
    assert mail.ask("s3", "mail").ids == [job]
    assert mail.state("mail", job) == "running"


def test_what_is_kept_no_longer_goes_with_a_renewal_although_nothing_ends_any_more(rig: Rig) -> None:
    keep = {"done": {"age": "1h"}, "dead": {"age": "2h"}}
    rig.publish(mail={"keep": keep})
    rig.open("s1", "mail")
    done, dead = rig.send("mail", 2)
    first, second = rig.ask("s1", "mail", 2).grants
    rig.tell("s1", first.end("done"), second.end("dead"))
    rig.advance(3601 * SECOND)
    rig.renew("s1")
    assert [rig.state("mail", job) for job in (done, dead)] == ["gone", "dead"]
    rig.advance(3600 * SECOND)
    rig.renew("s1")
    assert rig.state("mail", dead) == "gone"
    for index in ("done", "dead"):
        assert rig.client.zcard(rig.keys.workstream("mail", index)) == 0


def test_a_job_that_is_dead_by_its_process_keeps_the_last_lines_of_both(mail: Rig) -> None:
    poison, neighbour = mail.send("mail", 2)
    mail.open("s1", "mail", most=1)
    mail.ask("s1", "mail", 2)
    lines = ['{"event":"about to crash"}', '{"text":"Segmentation fault"}']
    lease = f"mail/{poison}~1"
    call = {"sid": "s1", "blame": True, "why": "test", "tails": {lease: lines}}
    mail.scripts.run("end_session", call | {"epoch": "", "fresh": "x"})
    assert json.loads(mail.job("mail", poison)["tail"]) == lines
    assert mail.state("mail", neighbour) == "dead"
    assert "tail" not in mail.job("mail", neighbour)


def test_a_job_whose_process_was_ended_for_it_has_failed_an_attempt_and_nobody_else_has(mail: Rig) -> None:
    stuck, neighbour = mail.send("mail", 2)
    actors = mail.keys.root + "actors"
    mail.client.hset(actors, "act", json.dumps({"w": "mail", "max_retries": 1}))
    for attempt in (1, 2):
        sid = mail.open(f"x{attempt}", "mail", most=1)
        granted = mail.ask(sid, "mail", 2).grants
        leases = {one.id: f"mail/{one.id}~{one.delivery}" for one in granted}
        call = {
            "sid": sid,
            "blame": True,
            "why": "test",
            "guilty": [leases[stuck]],
            "tails": {leases[stuck]: ["l"]},
        }
        mail.scripts.run("end_session", call | {"epoch": "", "fresh": "x"})
        assert mail.state("mail", neighbour) == "waiting"
        assert mail.state("mail", stuck) == ("scheduled" if attempt == 1 else "dead")
        mail.advance(SECOND)
    assert json.loads(mail.job("mail", stuck)["error"])["type"] == "TimeLimitExceeded"
    assert json.loads(mail.job("mail", stuck)["tail"]) == ["l"]
    assert "crashes" not in mail.job("mail", stuck)
