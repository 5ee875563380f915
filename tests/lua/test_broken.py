"""Promise I1 where something else than ours stands in Redis: it stops its workstream, and loses nothing."""

from __future__ import annotations

import pytest

from tests.lua.rig import SECOND, Rig
from tests.support import events_in


@pytest.fixture
def keyed(rig: Rig) -> Rig:
    """Two workstreams, in one of which each key has a rate."""
    rig.publish(mail={"rate": "5/s", "per_key": {"rate": "1/s", "margin": "0ms"}}, post=None)
    rig.open("s1", "mail", "post")
    return rig


def spoil(rig: Rig, *words: str) -> str:
    """Something else under one of a workstream's keys."""
    key = rig.keys.workstream("mail", *words)
    rig.client.set(key, "something else")
    return key


def leases(rig: Rig) -> list[str]:
    return [entry.decode() for entry in rig.client.zrange(rig.keys.held("s1"), 0, -1)]


def test_what_was_taken_before_a_key_that_cannot_be_read_is_given_and_leased_and_charged(keyed: Rig) -> None:
    [first] = keyed.send("mail", 1, key="a")
    [second] = keyed.send("mail", 1, key="b")
    spoil(keyed, "meter", str(SECOND), "b")
    answer = keyed.ask("s1", "mail", 9)
    assert (answer.ids, answer.why["mail"], answer.wait["mail"]) == ([first], "broken", SECOND)
    assert leases(keyed) == [f"mail/{first}~1"]
    assert keyed.running("mail") == keyed.waiting("mail") == 1
    assert keyed.client.get(keyed.keys.limit("mail", "meter", str(SECOND))).startswith(b"1 ")
    assert (keyed.end("s1"), keyed.state("mail", first), keyed.state("mail", second)) == (
        1,
        "waiting",
        "waiting",
    )


@pytest.mark.parametrize("place", ["running", "sleepers"])
def test_what_is_taken_although_one_place_cannot_be_written_is_given_and_comes_back(
    keyed: Rig, place: str
) -> None:
    [job] = keyed.send("mail", 1)
    key = spoil(keyed, place)
    answer = keyed.ask("s1", "mail", 9)
    assert (answer.ids, answer.why["mail"]) == ([job], "broken")
    assert leases(keyed) == [f"mail/{job}~1"]
    keyed.client.delete(key)
    assert (keyed.end("s1"), keyed.state("mail", job)) == (1, "waiting")
    keyed.open("s1", "mail")
    assert keyed.ask("s1", "mail", 9).ids == [job]


def test_a_log_that_cannot_be_written_holds_up_no_job_and_the_apps_own_log_says_so(keyed: Rig) -> None:
    log = spoil(keyed, "log")
    keyed.send("mail", 1)
    [given] = keyed.ask("s1", "mail", 9).grants
    assert keyed.tell("s1", given.end("done")).refused == ()
    assert keyed.state("mail", given.id) == "done"
    told = events_in(keyed.client, keyed.keys.log, "log_failed")
    assert len(told) == 1
    assert log in told[0]["x"]
    assert "WRONGTYPE" in told[0]["x"]


def test_a_workstream_that_cannot_be_read_holds_up_no_other_and_the_log_says_so(keyed: Rig) -> None:
    keyed.send("mail", 1)
    [job] = keyed.send("post", 1)
    spoil(keyed, "keys")
    answer = keyed.exchange(keyed.call("s1", {"mail": 1, "post": 1}))
    assert answer is not None
    assert (answer.ids, answer.why["mail"]) == ([job], "broken")
    assert keyed.tell("s1", *(one.end("done") for one in answer.grants)).refused == ()
    [(_, fields)] = keyed.client.xrange(keyed.keys.log)
    assert b"admission_failed" in fields[b"p"]
    assert b"WRONGTYPE" in fields[b"p"]


def test_a_delayed_job_whose_record_cannot_be_read_holds_up_no_other(keyed: Rig) -> None:
    keyed.send("mail", 2, ids=["a1", "c1"], due="+1000000")
    keyed.send("mail", 1, ids=["b1"], due="+1000000")
    spoil(keyed, "job", "b1")
    keyed.advance(SECOND)
    assert sorted(keyed.ask("s1", "mail", 9).ids) == ["a1", "c1"]


@pytest.mark.parametrize("due", ["", "+1"], ids=["sent at once", "delayed"])
def test_jobs_of_a_key_whose_line_cannot_be_written_start_when_it_can(keyed: Rig, due: str) -> None:
    spoilt = spoil(keyed, "ready", "b")
    keyed.send_words([("mail", one, one[0], 0, 1, due, "act", "{}", "{}") for one in ("a1", "b1", "c1")])
    keyed.advance(1)
    assert sorted(keyed.ask("s1", "mail", 9).ids) == ["a1", "c1"]
    keyed.client.delete(spoilt)
    keyed.advance(SECOND)
    assert keyed.ask("s1", "mail", 9).ids == ["b1"]


def test_the_end_of_a_job_is_recorded_although_another_cannot_go_back_to_its_line(keyed: Rig) -> None:
    keyed.send("mail", 1, ids=["a1"], key="a")
    keyed.send("mail", 1, ids=["b1"], key="b")
    given = {one.id: one for one in keyed.ask("s1", "mail", 9).grants}
    spoilt = spoil(keyed, "ready", "b")
    assert keyed.tell("s1", given["a1"].end("done"), given["b1"].end("handback")).refused == ()
    assert keyed.state("mail", "a1") == "done"
    keyed.client.delete(spoilt)
    keyed.advance(SECOND)
    assert keyed.ask("s1", "mail", 9).ids == ["b1"]
