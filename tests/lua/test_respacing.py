"""What a change of a rate does to the spacing of starts: what is owed stays the same number of permits."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.lua.rig import SECOND, Rig

HOUR = 3600 * SECOND
#: A start uses up some of its spacing: at most 5 ms, and a µs of rounding. That grows with what is left.
SLACK = 5_001


def rates(permits: int, burst: int = 1, window: int = HOUR, margin: int = 0) -> str:
    """As an operator's change has it."""
    return f"{permits}:{window}:{margin}:{burst}"


def operate(rig: Rig, **what: Any) -> None:
    call = {"request": uuid4().hex, "name": "mail", "key": "", "epoch": "", "fresh": "f"}
    assert rig.scripts.run("limit", call | what)[0] == b"changed"


def declared(permits: int, burst: int | None = 1) -> dict[str, Any]:
    return {"rate": f"{permits}/h", "margin": "0ms"} | ({"burst": burst} if burst else {})


def wait(rig: Rig) -> int:
    """µs until the next start: 0 when there was one."""
    answer = rig.ask("s1", "mail", 1)
    for one in answer.grants:
        rig.tell("s1", one.end("done"))
    return 0 if answer.grants else answer.wait["mail"]


def begin(rig: Rig, key: str, permits: int = 2, **more: Any) -> Rig:
    """One start under a rate of the workstream, or of its key, and many jobs behind it."""
    publish(rig, key, permits, "1", **more)
    rig.open("s1", "mail", lease=9 * HOUR)
    for _ in range(2):
        rig.send("mail", 50, key=key)
    assert wait(rig) == 0
    return rig


def publish(rig: Rig, key: str, permits: int, version: str, **more: Any) -> None:
    limit = declared(permits, **more)
    rig.publish(version, mail={"per_key": limit} if key else limit)


def assert_next(rig: Rig, after: int, ratio: float = 1) -> None:
    """The next start is to come so many µs from now; *ratio*: how much longer the spacing became."""
    assert after - SLACK * max(ratio, 1) - 1 <= wait(rig) <= after + 1


@pytest.mark.parametrize("key", ["", "acme"])
def test_a_raised_rate_does_not_wait_out_the_spacing_of_the_old_one(rig: Rig, key: str) -> None:
    begin(rig, key)
    assert_next(rig, HOUR // 2)
    publish(rig, key, 3600, "2")
    assert_next(rig, SECOND)
    rig.advance(SECOND)
    assert wait(rig) == 0
    assert_next(rig, SECOND)


@pytest.mark.parametrize("key", ["", "acme"])
def test_an_operators_raised_rate_does_not_wait_out_the_spacing_of_the_files(rig: Rig, key: str) -> None:
    begin(rig, key)
    assert_next(rig, HOUR // 2)
    operate(rig, key=key, rates=rates(3600))
    assert_next(rig, SECOND)
    operate(rig, key=key, reset=True)
    assert_next(rig, HOUR // 2)


@pytest.mark.parametrize("key", ["", "acme"])
def test_a_lowered_rate_spaces_what_is_owed_as_its_own_permits(rig: Rig, key: str) -> None:
    begin(rig, key, 3600)
    rig.advance(SECOND // 2)
    publish(rig, key, 4, "2")
    assert_next(rig, HOUR // 8, 900)


@pytest.mark.parametrize("key", ["", "acme"])
def test_changes_to_and_fro_mint_no_permit(rig: Rig, key: str) -> None:
    begin(rig, key, 60)
    for n in range(1, 21):
        publish(rig, key, 3600 if n % 2 else 60, str(n + 1))
    assert_next(rig, 60 * SECOND, 2)


@pytest.mark.parametrize("key", ["", "acme"])
def test_a_raised_rate_lets_no_more_than_its_burst_start_at_once(rig: Rig, key: str) -> None:
    begin(rig, key, 60, burst=3)
    publish(rig, key, 3600, "2", burst=3)
    assert len(rig.ask("s1", "mail", 50).grants) == 2
    rig.advance(10 * SECOND)
    assert len(rig.ask("s1", "mail", 50).grants) == 3


@pytest.mark.parametrize("key", ["", "acme"])
def test_a_burst_that_is_lifted_for_a_while_hides_no_old_spacing(rig: Rig, key: str) -> None:
    begin(rig, key, 2)
    publish(rig, key, 3600, "2", burst=None)
    publish(rig, key, 3600, "3")
    assert_next(rig, SECOND)


@pytest.mark.parametrize("key", ["", "acme"])
def test_what_is_owed_under_a_lowered_rate_is_over_with_its_window(rig: Rig, key: str) -> None:
    begin(rig, key, 3600, burst=100)
    rig.ask("s1", "mail", 50)
    publish(rig, key, 2, "2")
    assert 0 < wait(rig) <= HOUR
    rig.advance(HOUR)
    assert wait(rig) == 0


def test_a_key_is_read_through_every_change_since_it_was_last_told(rig: Rig) -> None:
    begin(rig, "acme", 2)
    for version, permits in enumerate((20, 600, 60, 1200), start=2):
        publish(rig, "acme", permits, str(version))
    assert_next(rig, 3 * SECOND)
    rig.advance(3 * SECOND)
    assert wait(rig) == 0
    assert_next(rig, 3 * SECOND)


def test_an_operators_rate_for_one_key_is_not_respaced_by_what_the_file_says_meanwhile(rig: Rig) -> None:
    begin(rig, "acme")
    operate(rig, key="acme", rates=rates(60))
    assert_next(rig, 60 * SECOND)
    publish(rig, "acme", 3600, "2")
    assert_next(rig, 60 * SECOND)
    operate(rig, key="acme", reset=True)
    assert_next(rig, SECOND)


def test_an_operators_rate_for_one_key_begins_with_what_the_files_changes_left(rig: Rig) -> None:
    begin(rig, "acme")
    publish(rig, "acme", 3600, "2")
    rig.advance(10 * SECOND)
    operate(rig, key="acme", rates=rates(60))
    assert wait(rig) == 0


def test_a_rate_of_keys_that_was_taken_away_and_comes_back_is_spaced_anew(rig: Rig) -> None:
    begin(rig, "acme")
    rig.publish("2", mail={"per_key": {"concurrency": 1}})
    publish(rig, "acme", 3600, "3")
    assert_next(rig, SECOND)


def test_a_rate_that_an_upstream_lowered_stays_spaced_by_what_it_takes(rig: Rig) -> None:
    easing = {"on_rate_limited": {"back_off": 0.5, "recover": "1h", "min": "1/h"}}
    rig.publish(mail=declared(20) | easing)
    rig.open("s1", "mail", lease=9 * HOUR)
    rig.send("mail", 9)
    [given] = rig.ask("s1", "mail", 1).grants
    rig.tell("s1", given.end("defer", scope="mail", at=0))
    rig.advance(HOUR // 20)
    assert wait(rig) == 0
    before = wait(rig)
    rig.publish("2", mail=declared(2000) | easing)
    assert wait(rig) == before > 0


def test_a_change_makes_no_meter_live_longer_or_for_ever(rig: Rig) -> None:
    begin(rig, "")
    publish(rig, "", 3600, "2")
    lives = rig.client.pttl(f"{rig.keys.limit('mail', 'meter')}:{HOUR}")
    assert 0 < lives <= 3_660_000
