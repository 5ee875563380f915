"""Promises I1, I3 and I4: leases, what happens when one ends, and calls that are repeated."""

from __future__ import annotations

import json

import pytest

from tests.lua.rig import BEGIN, SECOND, Rig


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"concurrency": 4})
    rig.open("s1", "mail", lease=5 * SECOND)
    return rig


def without_clocks(dump: dict[bytes, object]) -> dict[bytes, object]:
    """What a refused call must leave alone: all but the log and the session's last answer."""
    return {
        key: value for key, value in dump.items() if not key.endswith(b":log") and b"}:session:" not in key
    }


def test_a_repeated_exchange_gets_the_same_answer_and_takes_nothing_more(mail: Rig) -> None:
    mail.send("mail", 5)
    call = mail.call("s1", {"mail": 2})
    first = mail.exchange(call)
    before = mail.everything()
    mail.advance(SECOND)
    assert mail.exchange(call) == first
    assert mail.everything() == before


def test_an_exchange_is_repeated_after_another_courier_of_its_process_had_one_of_its_own(mail: Rig) -> None:
    mail.send("mail", 5)
    one, two = mail.call("s1", {"mail": 2}, courier=1), mail.call("s1", {"mail": 1}, courier=2)
    first, second = mail.exchange(one), mail.exchange(two)
    assert first is not None
    assert second is not None
    assert not set(first.ids) & set(second.ids)
    before = mail.everything()
    assert (mail.exchange(one), mail.exchange(two)) == (first, second)
    assert mail.everything() == before


def test_a_repeated_exchange_is_told_a_time_years_away_again(mail: Rig) -> None:
    mail.send("mail", 1, due=f"+{5 * 365 * 86400 * SECOND}")
    call = mail.call("s1", {"mail": 1})
    first = mail.exchange(call)
    assert first is not None
    assert first.wait["mail"] == 5 * 365 * 86400 * SECOND
    assert mail.exchange(call) == first


def test_a_repeated_finish_takes_effect_once(mail: Rig) -> None:
    mail.send("mail", 1)
    given = mail.ask("s1", "mail").grants
    follow = {
        "w": "mail",
        "i": "next",
        "k": "",
        "shift": 0,
        "cost": 1,
        "due": "",
        "actor": "a",
        "body": "{}",
        "opts": "{}",
    }
    call = mail.call("s1", {}, [given[0].end("retry", at=1000, next=[follow])])
    assert mail.exchange(call) == mail.exchange(call)
    assert mail.job("mail", given[0].id)["attempt"] == "1"
    assert mail.waiting("mail") == 1


def test_a_delivery_that_is_finished_twice_in_one_call_ends_once(mail: Rig) -> None:
    mail.send("mail", 2)
    first, second = mail.ask("s1", "mail", 2).grants
    assert mail.tell("s1", first.end("done"), first.end("retry", at=5), second.end("done")).refused == (1,)
    assert [mail.state("mail", one.id) for one in (first, second)] == ["done", "done"]
    assert mail.running("mail") == 0


def test_a_late_copy_of_an_older_call_is_not_carried_out(mail: Rig) -> None:
    old = mail.call("s1", {"mail": 2})
    mail.exchange(old)
    mail.exchange(mail.call("s1", {"mail": 2}))
    mail.send("mail", 2)
    before = mail.everything()
    assert mail.scripts.run("exchange", old)[0] == b"stale"
    assert mail.everything() == before


def test_a_finish_after_the_lease_was_lost_is_refused_and_changes_nothing(mail: Rig) -> None:
    mail.send("mail", 1)
    given = mail.ask("s1", "mail").grants[0]
    mail.open("s2", "mail")
    mail.end("s1")
    again = mail.ask("s2", "mail").grants[0]
    assert (again.id, again.delivery) == (given.id, given.delivery + 1)
    before = without_clocks(mail.everything())
    assert mail.exchange(mail.call("s1", {}, [given.end("done")])) is None
    assert mail.tell("s2", given.end("done", res="{}", ttl=1000)).refused == (0,)
    assert without_clocks(mail.everything()) == before
    assert mail.tell("s2", again.end("done")).refused == ()


def test_an_unknown_session_is_lost(mail: Rig) -> None:
    assert mail.scripts.run("exchange", mail.call("s1") | {"sid": "nobody"})[0] == b"lost"
    assert list(mail.renew("s1", "nobody")[1]) == [b"nobody"]


def test_a_lease_that_ran_out_is_swept_by_whoever_calls_next(mail: Rig) -> None:
    ids = mail.send("mail", 2)
    mail.ask("s1", "mail", 2)
    mail.open("s2", "mail")
    mail.advance(5 * SECOND - 1)
    assert not mail.ask("s2", "mail", 2).grants
    mail.advance(1)
    assert mail.ask("s2", "mail", 2).ids == ids


def test_a_lease_that_ran_out_but_was_not_swept_is_renewed(mail: Rig) -> None:
    mail.send("mail", 1)
    given = mail.ask("s1", "mail").grants
    mail.advance(6 * SECOND)
    assert mail.renew("s1", lease=5 * SECOND)[1] == []
    assert mail.tell("s1", given[0].end("done")).refused == ()


def test_a_caller_whose_own_lease_ran_out_leaves_nothing_leased_to_nobody(mail: Rig) -> None:
    mail.send("mail", 3)
    mail.advance(6 * SECOND)
    mail.exchange(mail.call("s1", {"mail": 2}))
    mail.open("s2", "mail")
    mail.advance(3600 * SECOND - 1)
    mail.renew("s2")
    assert len(mail.ask("s2", "mail", 4).grants) == 3


def test_every_session_of_a_dead_host_is_swept_without_waiting_for_a_third_of_a_lease_each(mail: Rig) -> None:
    for n in range(4):
        mail.open(f"dead{n}", "mail", lease=SECOND)
    mail.advance(2 * SECOND)
    for _ in range(4):
        assert (
            0
            <= int(mail.renew("s1", lease=5 * SECOND)[3])
            <= 0 + (mail.client.zcard(mail.keys.sessions) == 1) * 5 * SECOND
        )
    assert mail.client.zcard(mail.keys.sessions) == 1


def test_a_job_that_ends_its_process_too_often_is_dead_as_poison(mail: Rig) -> None:
    [job] = mail.send("mail", 1)
    for n in range(3):
        sid = mail.open(f"x{n}", "mail", most=3)
        assert mail.ask(sid, "mail").ids == [job]
        mail.end(sid)
    assert mail.state("mail", job) == "dead"
    assert json.loads(mail.job("mail", job)["error"])["type"] == "Poison"
    assert [name for name, _ in mail.events("mail")].count("reaped") == 3
    assert not mail.ask("s1", "mail").grants


def test_a_worker_that_stops_in_order_counts_against_no_job(mail: Rig) -> None:
    [job] = mail.send("mail", 1)
    for n in range(5):
        sid = mail.open(f"x{n}", "mail", most=3)
        assert mail.ask(sid, "mail").ids == [job]
        mail.end(sid, blame=False)
    assert mail.state("mail", job) == "waiting"


def test_hundreds_of_jobs_of_one_session_are_all_given_back(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    ids = rig.send("mail", 250)
    rig.ask("s1", "mail", 250)
    assert rig.end("s1") == 250
    assert rig.ask("s2", "mail", 300).ids == ids


def test_overdue_jobs_are_named_to_who_renews(mail: Rig) -> None:
    mail.publish("2", mail={"timeout": "10s", "concurrency": 4})
    [job] = mail.send("mail", 1)
    mail.ask("s1", "mail")
    assert mail.renew("s1")[2] == []
    mail.advance(71 * SECOND)
    assert mail.renew("s1")[2] == [[b"s1", f"mail/{job}~1".encode()]]


def test_a_data_set_that_was_lost_blocks_strict_limits_for_one_window(rig: Rig) -> None:
    rig.publish(mail={"rate": "5/s"}, text={"concurrency": 5})
    rig.open("s1")
    rig.send("mail", 5)
    rig.epoch = rig.ask("s1", "mail", 5).epoch
    _forget_everything(rig)
    # Somebody who knew nothing comes first, as a fresh producer would.
    known, rig.epoch = rig.epoch, ""
    rig.publish(mail={"rate": "5/s"}, text={"concurrency": 5})
    rig.send("mail", 5)
    rig.send("text", 5)
    rig.epoch = known
    rig.open("s2")
    answer = rig.ask("s2", "mail", 5)
    assert (answer.grants, answer.why["mail"], answer.wait["mail"]) == ((), "rate", SECOND + 10_000)
    assert len(rig.ask("s2", "text", 5).grants) == 5
    rig.advance(SECOND + 10_000)
    rig.epoch = answer.epoch
    assert len(rig.ask("s2", "mail", 5).grants) == 5


def test_a_first_start_blocks_nothing(rig: Rig) -> None:
    rig.publish(mail={"rate": "5/s"})
    rig.open("s1")
    rig.send("mail", 5)
    assert len(rig.ask("s1", "mail", 5).grants) == 5


def test_many_that_knew_a_lost_data_set_block_it_once(rig: Rig) -> None:
    rig.epoch = "older"
    rig.publish(mail={"rate": "5/s"})
    rig.open("s1")
    rig.send("mail", 5)
    rig.advance(SECOND + 10_000)
    assert len(rig.ask("s1", "mail", 5).grants) == 5


def _forget_everything(rig: Rig) -> None:
    for key in rig.client.scan_iter(match=rig.keys.root + "*", count=1000):
        rig.client.delete(key)
    rig.freeze(BEGIN + 1)
