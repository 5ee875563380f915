"""Promise I8: whose settings count, and that everybody learns of a change."""

from __future__ import annotations

import itertools

import pytest

from tests.lua.rig import SECOND, Rig


def concurrency(rig: Rig) -> str:
    found = rig.client.hget(rig.keys.limit("mail", "settings"), "concurrency")
    assert found is not None
    return str(found.decode())


#: From the oldest to the newest.
VERSIONS = ["1", "1.2", "2.9", "2.10rc1", "2.10", "2.10.1", "10"]


@pytest.mark.parametrize(("older", "newer"), list(itertools.pairwise(VERSIONS)))
def test_the_higher_version_counts_whoever_starts_last(rig: Rig, older: str, newer: str) -> None:
    rig.publish(older, mail={"concurrency": 1})
    assert rig.publish(newer, mail={"concurrency": 2}).changed == ("mail",)
    published = rig.publish(older, mail={"concurrency": 3})
    assert (published.older, published.changed) == (("mail",), ())
    assert concurrency(rig) == "2"


def test_of_equal_versions_the_last_to_start_wins(rig: Rig) -> None:
    rig.publish("3", mail={"concurrency": 1})
    rig.publish("3", mail={"concurrency": 2})
    assert concurrency(rig) == "2"


def test_the_same_settings_again_change_nothing_and_wake_nobody(rig: Rig) -> None:
    rig.publish("3", mail={"concurrency": 1})
    ears = rig.listen()
    assert rig.publish("3", mail={"concurrency": 1}).changed == ()
    assert ears.heard() == []


def test_a_change_wakes_everybody_and_is_an_event(rig: Rig) -> None:
    rig.publish("3", mail={"concurrency": 1})
    ears = rig.listen()
    rig.publish("4", mail={"concurrency": 2})
    assert ears.heard() == [("all", "* now")]
    assert rig.events("mail") == [("limit_changed", "")]


def test_a_changed_limit_opens_the_gate_that_it_had_shut(rig: Rig) -> None:
    rig.publish("1", mail={"concurrency": 1})
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    rig.send("mail", 3)
    rig.ask("s1", "mail")
    assert rig.ask("s2", "mail").why["mail"] == "concurrency"
    rig.publish("2", mail={"concurrency": 2})
    assert rig.ask("s2", "mail").grants


def test_an_override_stands_over_every_later_publication(rig: Rig) -> None:
    rig.publish("1", mail={"concurrency": 1})
    rig.client.hset(rig.keys.limit("mail", "overrides"), "concurrency", "3")
    rig.client.hset(rig.keys.limit("mail", "settings"), "live", "1")
    rig.publish("2", mail={"concurrency": 2})
    rig.open("s1", "mail")
    rig.send("mail", 5)
    assert len(rig.ask("s1", "mail", 5).grants) == 3


def test_what_an_operator_said_and_what_is_held_outlives_settings_that_were_deleted(rig: Rig) -> None:
    mail: dict[str, object] = {"per_key": {"rate": "1/s", "margin": "0ms"}}
    rig.publish(mail=mail)
    rig.open("s1", "mail")
    rig.send("mail", 2, key="a")
    assert len(rig.ask("s1", "mail", 2).grants) == 1
    call = {"request": "p1", "workstream": "mail", "paused": "1", "epoch": "", "fresh": "x"}
    rig.scripts.run("pause", call)
    rig.client.delete(rig.keys.workstream("mail", "settings"), rig.keys.limit("mail", "settings"))
    rig.publish(mail=mail)
    rig.advance(SECOND)
    assert rig.ask("s1", "mail", 2).why == {"mail": "paused"}
    rig.scripts.run("pause", call | {"request": "p2", "paused": "0"})
    assert len(rig.ask("s1", "mail", 2).grants) == 1
