"""A running job may charge more than it said; what starts next waits until that fits again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.lua.rig import SECOND, Rig
from tests.support import events_in


def charge(rig: Rig, cost: float | Mapping[str, float], key: str = "", request: str = "") -> bytes:
    """Charge as a job of mail does."""
    word = json.dumps(cost) if isinstance(cost, Mapping) else cost
    call: dict[str, Any] = {"request": request or uuid4().hex, "workstream": "mail", "key": key, "cost": word}
    call |= {"id": "j1", "actor": "act", "attempt": 1, "worker": "h:1", "epoch": "", "fresh": uuid4().hex}
    reply: bytes = rig.scripts.run("charge", call)[0]
    return reply


@pytest.fixture
def mail(rig: Rig) -> Rig:
    """Ten a second, of which the first job has taken one."""
    rig.publish(mail={"rate": "10/s"})
    rig.open("s1")
    rig.send("mail", 30)
    assert len(rig.ask("s1", "mail", 1).grants) == 1
    return rig


def test_what_is_charged_is_missing_in_the_window(mail: Rig) -> None:
    assert charge(mail, 4) == b"charged"
    assert len(mail.ask("s1", "mail", 20).grants) == 5


def test_what_is_charged_beside_a_charge_without_measure_is_not_forgotten(mail: Rig) -> None:
    mail.advance(2 * SECOND)
    charge(mail, 1e17)
    mail.advance(SECOND // 2)
    charge(mail, 5)
    mail.advance(SECOND // 10)
    charge(mail, 4)
    mail.advance(SECOND // 2)
    assert len(mail.ask("s1", "mail", 20).grants) == 1


def test_more_than_a_window_allows_holds_the_next_until_it_fits_again(mail: Rig) -> None:
    mail.advance(SECOND // 2)
    charge(mail, 500)
    answer = mail.ask("s1", "mail", 20)
    # Held 1 % longer, from when it was charged.
    assert (answer.grants, answer.why["mail"], answer.wait["mail"]) == ((), "rate", 1_010_000)
    mail.advance(1_009_999)
    assert not mail.ask("s1", "mail", 20).grants
    mail.advance(1)
    assert len(mail.ask("s1", "mail", 20).grants) == 10


def test_a_burst_owes_no_more_than_a_window(rig: Rig) -> None:
    rig.publish(mail={"rate": "10/s", "burst": 1})
    rig.open("s1")
    rig.send("mail", 5)
    rig.ask("s1", "mail", 1)
    charge(rig, 500)
    assert rig.ask("s1", "mail", 1).wait["mail"] == 1_010_000
    rig.advance(1_010_000)
    assert len(rig.ask("s1", "mail", 5).grants) == 1


def test_parts_of_a_permit_add_up(mail: Rig) -> None:
    for _ in range(10):
        charge(mail, 0.1)
    assert len(mail.ask("s1", "mail", 20).grants) == 8


def test_a_map_charges_the_limits_it_names_and_no_others(rig: Rig) -> None:
    rig.publish(limits={"tokens": {"rate": "1000/m"}}, mail={"within": ["tokens"], "rate": "10/m"})
    rig.open("s1")
    rig.send("mail", 20)
    rig.ask("s1", "mail", 1)
    charge(rig, {"tokens": 993})
    # Each of the others takes one of both.
    assert len(rig.ask("s1", "mail", 20).grants) == 6
    charge(rig, {})
    charge(rig, {"mail": 3, "tokens": 0})
    rig.advance(60_020_000)
    assert len(rig.ask("s1", "mail", 20).grants) == 10


def test_a_number_charges_every_rate_that_holds(rig: Rig) -> None:
    rig.publish(limits={"api": {"rate": "20/m"}}, mail={"within": ["api"], "rate": ["10/m", "100/h"]})
    rig.open("s1")
    rig.send("mail", 20)
    rig.ask("s1", "mail", 1)
    charge(rig, 5)
    meters = {limit: rig.client.keys(rig.keys.limit(limit, "meter", "*")) for limit in ("mail", "api")}
    sums = sorted(float(rig.client.get(key).split()[0]) for keys in meters.values() for key in keys)
    assert sums == [6, 6, 6]


def test_the_key_of_the_job_is_charged_and_no_other(rig: Rig) -> None:
    rig.publish(mail={"per_key": {"rate": "5/m"}})
    rig.open("s1")
    rig.send("mail", 10, key="acme")
    rig.send("mail", 10, key="other")
    charge(rig, 4, key="acme")
    grants = rig.ask("s1", "mail", 20).grants
    assert [sum(given.key == key for given in grants) for key in ("acme", "other")] == [1, 5]


def test_a_charge_that_is_sent_again_counts_once(mail: Rig) -> None:
    for _ in range(3):
        assert charge(mail, 4, request="r1") == b"charged"
    assert len(mail.ask("s1", "mail", 20).grants) == 5


def test_a_charge_of_nothing_changes_nothing(mail: Rig) -> None:
    charge(mail, 0)
    assert len(mail.ask("s1", "mail", 20).grants) == 9


def test_a_charge_is_an_event_of_the_job(mail: Rig) -> None:
    charge(mail, {"mail": 2.5}, key="acme")
    [event] = events_in(mail.client, mail.keys.workstream("mail", "log"), "charged")
    assert (event["j"], event["l"], event["k"]) == ("j1", "debug", "acme")
    assert json.loads(event["x"]) == {"cost": {"mail": 2.5}}


def test_limits_that_nobody_published_are_not_charged(rig: Rig) -> None:
    assert charge(rig, 4) == b"unsettled"
