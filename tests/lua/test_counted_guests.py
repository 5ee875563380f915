"""Promise I3 for blocks that are open when a concurrency comes: it counts them, as it counts running jobs."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.lua.guests import LEASE, Guests
from tests.lua.rig import Rig


@pytest.fixture
def guests(rig: Rig) -> Guests:
    return Guests(rig)


def allow(rig: Rig, name: str, concurrency: int) -> None:
    """An operator's change."""
    call = {"request": uuid4().hex, "name": name, "key": "", "concurrency": str(concurrency)}
    assert rig.scripts.run("limit", call | {"epoch": "", "fresh": "f"}) == [b"changed"]


def test_a_block_under_a_rate_counts_when_an_operator_sets_a_concurrency(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "9/s"}}, mail={"within": ["api"]})
    rig.open("s1", "mail")
    rig.send("mail", 3)
    sid = guests.new()
    guests.take("api", sid)
    allow(rig, "api", 2)
    assert len(rig.ask("s1", "mail", 3).grants) == 1
    assert guests.take("api").why == "concurrency"
    assert guests.give(sid, "api") == "given"
    assert len(rig.ask("s1", "mail", 3).grants) == 1


@pytest.mark.parametrize("before", [{"rate": "9/s"}, {}], ids=["under a rate", "under nothing"])
def test_a_block_counts_when_a_new_config_gives_its_workstream_a_concurrency(
    rig: Rig, guests: Guests, before: dict[str, str]
) -> None:
    rig.publish(mail=before or None)
    guests.take("mail")
    rig.publish("2", mail=before | {"concurrency": 1})
    assert guests.take("mail").why == "concurrency"


def test_a_block_counts_in_a_shared_limit_that_is_new_to_its_workstream(rig: Rig, guests: Guests) -> None:
    limits = {"api": {"concurrency": 1}}
    rig.publish(limits=limits, mail={"rate": "9/s"})
    sid = guests.new()
    guests.take("mail", sid)
    for version in ("2", "3"):
        rig.publish(version, limits=limits, mail={"rate": f"{version}/s", "within": ["api"]})
        assert guests.take("api").why == "concurrency"
    guests.give(sid, "mail")
    assert guests.take("api").word == "in"


def test_a_block_under_a_rate_whose_process_died_is_not_counted_for_ever(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "9/s"}})
    guests.take("api")
    allow(rig, "api", 1)
    rig.advance(LEASE + 1)
    assert guests.take("api").word == "in"
    assert rig.client.zcard(rig.keys.limit("api", "holders")) == 1


def test_a_block_under_a_rate_gives_back_its_place_and_no_permit(rig: Rig, guests: Guests) -> None:
    rig.publish(limits={"api": {"rate": "5/s"}}, mail={"within": ["api"]})
    for _ in range(5):
        sid = guests.new()
        assert guests.take("api", sid).word == "in"
        assert guests.give(sid, "api") == "given"
    assert guests.take("api").why == "rate"
    assert rig.client.zcard(rig.keys.sessions) == rig.client.zcard(rig.keys.limit("api", "holders")) == 0
