"""Sending: all or nothing, once, and never more than a workstream may hold."""

from __future__ import annotations

import pytest

from tests.lua.rig import Rig


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"max_waiting": 5}, text=None)
    rig.open("s1")
    return rig


def words(ws: str, *ids: str) -> list[tuple[object, ...]]:
    return [(ws, one, "", 0, 1, "", "act", "{}", "{}") for one in ids]


def test_a_repeated_request_sends_nothing_twice_and_gets_the_same_answer(mail: Rig) -> None:
    first = mail.send_words(words("mail", "a", "b"), "r1")
    mail.ask("s1", "mail", 2)
    assert mail.send_words(words("mail", "a", "b"), "r1") == first
    assert first[:2] == [b"ok", 2]
    assert (mail.waiting("mail"), mail.running("mail")) == (0, 2)


def test_a_job_whose_id_is_known_is_left_as_it_is(mail: Rig) -> None:
    mail.send_words(words("mail", "a"))
    mail.ask("s1", "mail")
    assert mail.send_words(words("mail", "a", "b"))[:2] == [b"ok", 1]
    assert (mail.state("mail", "a"), mail.state("mail", "b")) == ("running", "waiting")


def test_a_delay_of_more_than_a_clock_can_tell_does_not_start_the_job_now(mail: Rig) -> None:
    [job] = mail.send("mail", 1, due=f"+{86_399_999_999_999_999_999}")
    assert mail.state("mail", job) == "scheduled"
    assert mail.ask("s1", "mail", 1).ids == []


def test_a_workstream_takes_no_more_than_max_waiting_delayed_ones_included(mail: Rig) -> None:
    mail.send("mail", 3)
    mail.send("mail", 2, due="+1000")
    assert mail.send_words(words("mail", "x")) == [b"full", b"mail", 5]
    mail.ask("s1", "mail", 1)
    assert mail.send_words(words("mail", "x"))[:2] == [b"ok", 1]


def test_a_refused_call_sends_none_of_its_jobs(mail: Rig) -> None:
    mail.send("mail", 5)
    assert mail.send_words([*words("text", "a", "b"), *words("mail", "c")])[0] == b"full"
    assert mail.send_words([*words("text", "a", "b"), *words("nowhere", "c")]) == [b"unsettled", b"nowhere"]
    assert mail.waiting("text") == 0
    assert mail.state("text", "a") == "gone"


def test_a_refused_request_is_tried_anew_when_it_is_repeated(mail: Rig) -> None:
    mail.send("mail", 5)
    assert mail.send_words(words("mail", "x"), "r1")[0] == b"full"
    mail.ask("s1", "mail", 1)
    assert mail.send_words(words("mail", "x"), "r1")[:2] == [b"ok", 1]


def test_a_send_wakes_exactly_one_sleeper(mail: Rig) -> None:
    for sid in ("s2", "s3"):
        mail.open(sid, "mail")
    ears = mail.listen("s1", "s2", "s3")
    for sid in ("s1", "s2", "s3"):
        mail.advance(1)
        assert mail.ask(sid, "mail").why["mail"] == "empty"
    mail.send("mail", 3)
    assert ears.heard() == [("s1", "mail now")]
    mail.send("mail", 1)
    assert ears.heard() == [("s2", "mail now")]


def test_a_dead_sleeper_is_passed_over(mail: Rig) -> None:
    mail.open("s2", "mail")
    mail.ask("s1", "mail")
    mail.advance(1)
    mail.ask("s2", "mail")
    ears = mail.listen("s2")
    mail.send("mail")
    assert ears.heard() == [("s2", "mail now")]


def test_a_send_to_a_shut_gate_wakes_nobody(rig: Rig) -> None:
    rig.publish(mail={"rate": "1/s"})
    rig.open("s1", "mail")
    ears = rig.listen("s1")
    rig.send("mail", 2)
    rig.ask("s1", "mail", 2)
    rig.send("mail", 1)
    assert ears.heard() == []


def test_one_call_that_is_filled_passes_the_wake_up_on(mail: Rig) -> None:
    mail.open("s2", "mail")
    ears = mail.listen("s1", "s2")
    mail.ask("s1", "mail")
    mail.advance(1)
    mail.ask("s2", "mail")
    mail.send("mail", 2)
    assert ears.heard() == [("s1", "mail now")]
    mail.ask("s1", "mail", 1)
    assert ears.heard() == [("s2", "mail now")]
