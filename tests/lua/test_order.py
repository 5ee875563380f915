"""Who comes first: priorities, delays, keys that take turns, and work that comes back."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lua.rig import SECOND, Rig


@pytest.fixture
def open_rig(rig: Rig) -> Rig:
    rig.publish(mail=None)
    rig.open("s1")
    return rig


def test_jobs_start_in_the_order_in_which_they_were_sent(open_rig: Rig) -> None:
    ids = open_rig.send("mail", 3)
    open_rig.advance(1)
    ids += open_rig.send("mail", 3)
    assert open_rig.ask("s1", "mail", 10).ids == ids


def test_a_priority_is_a_head_start_that_wears_off(open_rig: Rig) -> None:
    low = open_rig.send("mail", shift=600 * SECOND)
    normal = open_rig.send("mail")
    urgent = open_rig.send("mail", shift=-3600 * SECOND)
    open_rig.advance(601 * SECOND)
    later = open_rig.send("mail")
    assert open_rig.ask("s1", "mail", 10).ids == urgent + normal + low + later


def test_a_delayed_job_starts_when_it_is_due_and_not_before(open_rig: Rig) -> None:
    late = open_rig.send("mail", due=f"+{2 * SECOND}")
    answer = open_rig.ask("s1", "mail")
    assert (answer.ids, answer.why["mail"], answer.wait["mail"]) == ([], "empty", 2 * SECOND)
    open_rig.advance(2 * SECOND - 1)
    assert not open_rig.ask("s1", "mail").ids
    open_rig.advance(1)
    assert open_rig.ask("s1", "mail").ids == late


def test_a_job_for_an_instant_starts_then_and_one_for_the_past_at_once(open_rig: Rig) -> None:
    past = open_rig.send("mail", due=f"@{open_rig.now - 5}")
    open_rig.send("mail", due=f"@{open_rig.now + 7}")
    answer = open_rig.ask("s1", "mail", 2)
    assert (answer.ids, answer.wait["mail"]) == (past, 7)


def test_hundreds_of_jobs_due_at_once_under_a_rate_never_stall(rig: Rig) -> None:
    rig.publish(mail={"rate": "10/s"})
    rig.open("s1")
    rig.send("mail", 450, due="+1000")
    rig.advance(2_000)
    for _ in range(4):
        answer = rig.ask("s1", "mail", 20)
        assert len(answer.grants) == 10
        assert answer.wait["mail"] == SECOND + 10_000
        rig.advance(answer.wait["mail"])


def test_a_whale_and_small_keys_take_turns(open_rig: Rig) -> None:
    for _ in range(4):
        open_rig.send("mail", 250, key="whale")
    for small in range(10):
        open_rig.send("mail", 5, key=f"small{small}")
    first = Counter(given.key for given in open_rig.ask("s1", "mail", 55).grants)
    assert set(first.values()) == {5}
    assert len(first) == 11


def test_keys_stay_within_one_turn_of_each_other_however_little_is_asked(open_rig: Rig) -> None:
    for key in ("a", "b", "c"):
        open_rig.send("mail", 20, key=key)
    counts: Counter[str] = Counter()
    for _ in range(45):
        counts.update(given.key for given in open_rig.ask("s1", "mail", 1).grants)
        if len(counts) == 3:
            assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == 3


def test_a_key_that_was_idle_saves_up_no_credit_and_owes_none(open_rig: Rig) -> None:
    open_rig.send("mail", 40, key="steady")
    for _ in range(10):
        open_rig.ask("s1", "mail", 1)
    open_rig.send("mail", 40, key="new")
    counts = Counter(given.key for given in open_rig.ask("s1", "mail", 20).grants)
    assert abs(counts["steady"] - counts["new"]) <= 2


def test_a_key_that_comes_back_quickly_does_not_jump_the_queue(open_rig: Rig) -> None:
    open_rig.send("mail", 40, key="steady")
    counts: Counter[str] = Counter()
    for _ in range(20):
        open_rig.send("mail", 1, key="back")
        counts.update(given.key for given in open_rig.ask("s1", "mail", 1).grants)
    assert counts["steady"] >= 9


def test_recovered_jobs_go_to_the_front_in_their_old_order(open_rig: Rig) -> None:
    first = open_rig.send("mail", 3)
    open_rig.advance(1_000)
    rest = open_rig.send("mail", 2)
    open_rig.ask("s1", "mail", 3)
    open_rig.open("s2")
    assert open_rig.end("s1") == 3
    assert open_rig.ask("s2", "mail", 5).ids == first + rest


def test_a_deferred_job_keeps_its_place_and_a_retried_one_does_not(open_rig: Rig) -> None:
    deferred, retried = open_rig.send("mail", 2)
    given = open_rig.ask("s1", "mail", 2).grants
    open_rig.advance(10)
    other = open_rig.send("mail", 1)
    open_rig.tell("s1", given[0].end("defer", at=100), given[1].end("retry", at=100))
    open_rig.advance(100)
    answer = open_rig.ask("s1", "mail", 3)
    assert answer.ids == [deferred, *other, retried]
    assert [given.attempt for given in answer.grants] == [1, 1, 2]


def test_a_key_that_waits_is_served_before_keys_that_come_later_whatever_they_are_called(
    open_rig: Rig,
) -> None:
    open_rig.send("mail", 3, key="zzz")
    served: list[str] = []
    for number in range(30):
        open_rig.send("mail", 1, key=f"a{number:03}")
        served += [given.key for given in open_rig.ask("s1", "mail", 1).grants]
    assert served.count("zzz") == 3


def test_keys_that_are_used_once_leave_nothing_behind(open_rig: Rig) -> None:
    idle = open_rig.keys.workstream("mail", "idle")
    for number in range(300):
        open_rig.send("mail", 2, key=f"order{number}")
        open_rig.send("mail", 1, key=f"other{number}")
        open_rig.ask("s1", "mail", 3 if number % 50 == 49 else 2)
        assert (
            open_rig.client.zcard(idle) <= open_rig.client.zcard(open_rig.keys.workstream("mail", "keys")) + 3
        )
    while open_rig.ask("s1", "mail", 100).grants:
        pass
    assert open_rig.client.zcard(idle) == 0
    assert open_rig.client.zcard(open_rig.keys.workstream("mail", "keys")) == 0


@pytest.mark.parametrize("newcomer", ["anna", "zoe"])
def test_a_key_that_comes_beside_one_that_was_alone_goes_before_its_next_job(
    open_rig: Rig, newcomer: str
) -> None:
    open_rig.send("mail", 20, key="maria")
    assert len(open_rig.ask("s1", "mail", 5).ids) == 5
    for number in range(5):
        came = open_rig.send("mail", key=f"{newcomer}-{number}")
        assert open_rig.ask("s1", "mail").ids == came, "what stood alone owes a turn to whoever comes"
        assert open_rig.ask("s1", "mail").ids != came, "and then goes on"
