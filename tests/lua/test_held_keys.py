"""Promises I2 and I6 of keys that are held: they start neither before their time nor after it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.lua.rig import SECOND, Given, Rig


def opened(rig: Rig, **mail: Any) -> Rig:
    rig.publish(mail=mail)
    rig.open("s1", "mail")
    return rig


def rated(rig: Rig, rate: str) -> Rig:
    return opened(rig, per_key={"rate": rate, "margin": "0ms"})


def pause(rig: Rig, key: str, paused: str) -> None:
    call = {
        "request": uuid4().hex,
        "workstream": "mail",
        "key": key,
        "paused": paused,
        "epoch": "",
        "fresh": "x",
    }
    assert rig.scripts.run("pause", call) == [b"changed"]


def refused(given: Given, scope: str, us: int) -> dict[str, Any]:
    return given.end("defer", scope=scope, at=us)


def test_a_key_that_an_upstream_shut_stays_shut_when_a_slot_of_it_is_freed(rig: Rig) -> None:
    opened(rig, per_key={"concurrency": 2})
    rig.send("mail", 5, key="a")
    first, second = rig.ask("s1", "mail", 9).grants
    rig.tell("s1", refused(first, "key", 10 * SECOND))
    rig.tell("s1", second.end("done"))
    answer = rig.ask("s1", "mail", 9)
    assert (answer.grants, answer.wait["mail"]) == ((), 10 * SECOND)
    rig.advance(10 * SECOND)
    assert rig.ask("s1", "mail", 1).ids == [first.id]


def test_a_paused_key_goes_on_under_the_limits_that_hold_by_then(rig: Rig) -> None:
    opened(rig, per_key={"concurrency": 1})
    rig.send("mail", 5, key="a")
    assert len(rig.ask("s1", "mail", 9).grants) == 1
    pause(rig, "a", "1")
    rig.publish("2", mail={"per_key": {"concurrency": 3}})
    pause(rig, "a", "0")
    assert len(rig.ask("s1", "mail", 9).grants) == 2


def test_a_cheaper_job_behind_one_that_is_cancelled_in_a_held_key_starts_as_soon_as_it_may(rig: Rig) -> None:
    rated(rig, "3/s")
    rig.send("mail", 1, key="a", cost=2)
    rig.ask("s1", "mail", 1)
    [dear] = rig.send("mail", 1, key="a", cost=2)
    [cheap] = rig.send("mail", 1, key="a", cost=1)
    assert rig.ask("s1", "mail", 1).why["mail"] == "key"
    ears = rig.listen("s1")
    call = {"request": uuid4().hex, "workstream": "mail", "epoch": "", "fresh": "x"}
    rig.scripts.run("job_cancel", call, [dear])
    assert ears.heard() == [("s1", "mail now")]
    assert rig.ask("s1", "mail", 1).ids == [cheap]


def test_a_refusal_of_a_key_is_recorded_where_the_settings_are_gone_meanwhile(rig: Rig) -> None:
    opened(rig, concurrency=2)
    rig.send("mail", 1, key="a")
    [given] = rig.ask("s1", "mail", 1).grants
    rig.client.delete(rig.keys.workstream("mail", "settings"))
    rig.advance(SECOND)
    assert rig.tell("s1", refused(given, "key", SECOND)).refused == ()
    assert rig.state("mail", given.id) == "waiting"
    rig.publish("2", mail={"concurrency": 2})
    rig.advance(SECOND)
    assert rig.ask("s1", "mail", 1).ids == [given.id]


def test_one_call_holds_a_bounded_number_of_keys_whatever_stands_between_them(rig: Rig) -> None:
    rated(rig, "1/m")
    used = [f"{n:03d}" for n in range(400) if n % 40]
    rig.send_words([("mail", f"u{key}", key, 0, 1, "", "act", "{}", "{}") for key in used])
    while given := rig.ask("s1", "mail", 100).grants:
        rig.tell("s1", *(one.end("done") for one in given))
    rig.send_words([("mail", f"v{n:03d}", f"{n:03d}", 0, 1, "", "act", "{}", "{}") for n in range(400)])
    given, calls, most = 0, 0, 0
    while given < 10:
        before = rig.client.zcard(rig.keys.workstream("mail", "held"))
        given += len(rig.ask("s1", "mail", 10).grants)
        most = max(most, rig.client.zcard(rig.keys.workstream("mail", "held")) - before)
        calls += 1
    assert most <= 100
    assert calls <= 5


def test_a_refusal_by_a_limit_that_a_workstream_has_left_holds_up_nothing_of_it(rig: Rig) -> None:
    rig.publish(limits={"api": {"concurrency": 9}}, mail={"within": "api"})
    rig.open("s1", "mail")
    rig.send("mail", 2)
    [one] = rig.ask("s1", "mail", 1).grants
    rig.publish("2", limits={"api": {"concurrency": 9}}, mail={"concurrency": 1})
    assert rig.ask("s1", "mail", 1).why["mail"] == "concurrency"
    ears = rig.listen("s1")
    rig.tell("s1", refused(one, "api", 10 * SECOND))
    assert ears.heard() == [("s1", "mail now")]


def test_a_cheaper_job_that_comes_to_stand_first_in_a_held_key_starts_as_soon_as_it_may(rig: Rig) -> None:
    rated(rig, "3/s")
    rig.send("mail", 1, key="a", cost=2)
    rig.ask("s1", "mail", 1)
    rig.send("mail", 2, key="a", cost=2)
    assert rig.ask("s1", "mail", 1).why["mail"] == "key"
    ears = rig.listen("s1")
    rig.send("mail", 1, key="a", cost=2, shift=-100 * SECOND)
    assert ears.heard() == []
    [cheap] = rig.send("mail", 1, key="a", cost=1, shift=-300 * SECOND)
    assert ears.heard() == [("s1", "mail now")]
    assert rig.ask("s1", "mail", 9).ids == [cheap]


def test_a_cheaper_job_that_may_start_a_little_sooner_is_asked_for_then(rig: Rig) -> None:
    rated(rig, "3/s")
    rig.send("mail", 2, key="a", cost=1)
    rig.ask("s1", "mail", 1)
    rig.advance(SECOND // 2)
    rig.ask("s1", "mail", 1)
    rig.send("mail", 1, key="a", cost=3)
    assert rig.ask("s1", "mail", 1).wait["mail"] == SECOND * 3 // 2 - SECOND // 2
    ears = rig.listen("s1")
    [cheap] = rig.send("mail", 1, key="a", cost=2, shift=-300 * SECOND)
    assert ears.heard() == [("s1", f"mail {SECOND // 2}")]
    rig.advance(SECOND // 2)
    assert rig.ask("s1", "mail", 9).ids == [cheap]


def test_what_is_dearer_than_its_key_allows_holds_up_no_job_behind_it(rig: Rig) -> None:
    rated(rig, "5/s")
    rig.send("mail", 1, key="a")
    [dear] = rig.send("mail", 1, key="a", cost=4)
    [last] = rig.send("mail", 1, key="a")
    rig.publish("2", mail={"per_key": {"rate": "2/s", "margin": "0ms"}})
    rig.ask("s1", "mail", 1)
    assert rig.ask("s1", "mail", 1).ids == [last]
    assert rig.state("mail", dear) == "dead"


def test_jobs_that_expire_at_the_head_of_their_key_cost_it_no_turn(rig: Rig) -> None:
    opened(rig, concurrency=99)
    words = [("mail", f"x{n}", "late", 0, 1, f"!+{SECOND}", "act", "{}", "{}") for n in range(20)]
    assert rig.send_words(words)[0] == b"ok"
    rig.send("mail", 9, key="late")
    rig.send("mail", 9, key="other")
    rig.advance(2 * SECOND)
    given = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(8)]
    assert given.count("late") == 4


def test_held_keys_are_not_forgotten_with_settings_that_somebody_deleted(rig: Rig) -> None:
    rated(rig, "2/s")
    rig.send("mail", 5, key="a")
    assert len(rig.ask("s1", "mail", 9).grants) == 2
    rig.client.delete(rig.keys.workstream("mail", "settings"))
    rig.publish("2", mail={"per_key": {"rate": "2/s", "margin": "0ms"}})
    rig.advance(SECOND)
    assert len(rig.ask("s1", "mail", 9).grants) == 2


def test_a_key_that_an_upstream_shut_waits_for_its_own_rate_as_well(rig: Rig) -> None:
    rated(rig, "3/s")
    rig.send("mail", 3, key="a", cost=2)
    [given] = rig.ask("s1", "mail", 9).grants
    rig.tell("s1", refused(given, "key", 300_000))
    answer = rig.ask("s1", "mail", 9)
    assert (answer.grants, answer.wait["mail"]) == ((), SECOND), "when nothing else holds it either"
    rig.advance(SECOND)
    assert rig.ask("s1", "mail", 1).ids == [given.id]


def test_a_key_that_an_upstream_shut_waits_for_a_slot_as_well(rig: Rig) -> None:
    opened(rig, per_key={"concurrency": 2})
    rig.send("mail", 3, key="a")
    first, second = rig.ask("s1", "mail", 9).grants
    rig.publish("2", mail={"per_key": {"concurrency": 1}})
    rig.tell("s1", refused(first, "key", 300_000))
    answer = rig.ask("s1", "mail", 9)
    assert (answer.grants, answer.wait["mail"]) == ((), -1)
    rig.advance(SECOND)
    rig.tell("s1", second.end("done"))
    assert rig.ask("s1", "mail", 1).ids == [first.id]
