"""Promise I7 among keys: they take turns by their weights, and no key saves up turns."""

from __future__ import annotations

from tests.lua.keyed import keyed, rated
from tests.lua.rig import SECOND, Rig


def test_a_key_that_was_idle_saves_up_no_credit(rig: Rig) -> None:
    keyed(rig, concurrency=9)
    rig.send("mail", 1, key="idle")
    rig.send("mail", 500, key="busy")
    for _ in range(100):
        for one in rig.ask("s1", "mail", 1).grants:
            rig.tell("s1", one.end("done"))
    rig.send("mail", 20, key="idle")
    given = []
    for _ in range(10):
        [one] = rig.ask("s1", "mail", 1).grants
        given.append(one.key)
        rig.tell("s1", one.end("done"))
    assert 4 <= given.count("idle") <= 6


def test_a_key_that_comes_back_from_being_held_has_saved_up_no_credit(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    rig.send("mail", 9, key="slow")
    given = rig.ask("s1", "mail", 1).grants
    rig.tell("s1", given[0].end("defer", scope="key", at=SECOND))
    for name in ("x", "y"):
        rig.send("mail", 60, key=name)
    for _ in range(60):
        rig.ask("s1", "mail", 1)
    rig.advance(SECOND)
    turns = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(9)]
    assert turns.count("slow") == 3


def test_keys_take_turns_by_their_weights(rig: Rig) -> None:
    keyed(rig, concurrency=100, weights={"gold": 3})
    for key in ("gold", "lead", "tin"):
        rig.send("mail", 200, key=key)
    given = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(100)]
    assert 58 <= given.count("gold") <= 62
    assert abs(given.count("lead") - given.count("tin")) <= 1


def test_a_key_that_arrives_among_weighted_ones_waits_one_turn_only(rig: Rig) -> None:
    keyed(rig, concurrency=1000, weights={"gold": 5})
    for key in ("gold", "lead"):
        rig.send("mail", 500, key=key)
    for _ in range(120):
        rig.ask("s1", "mail", 1)
    rig.send("mail", 1, key="new")
    assert "new" in [rig.ask("s1", "mail", 1).grants[0].key for _ in range(8)]


def test_jobs_of_a_key_start_by_priority_and_then_in_order(rig: Rig) -> None:
    rated(rig, burst=1, concurrency=1)
    late = rig.send("mail", 2, key="a", shift=600 * SECOND)
    soon = rig.send("mail", 1, key="a", shift=-300 * SECOND)
    given = []
    for _ in range(3):
        [one] = rig.ask("s1", "mail", 1).grants
        given.append(one.id)
        rig.tell("s1", one.end("done"))
        rig.advance(SECOND)
    assert given == [*soon, *late]
