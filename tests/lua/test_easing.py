"""What an upstream's refusal does to a rate: down once for all that was under way, and back along a curve."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lua.rig import SECOND, Given, Rig
from tests.support import events_in

FULL = 100


def eased(rig: Rig, **more: Any) -> Rig:
    asked = {"back_off": 0.5, "recover": "10s", "min": "2/s"} | more
    rig.publish(mail={"rate": {"rate": f"{FULL}/s", "margin": "0ms"}, "on_rate_limited": asked})
    rig.open("s1", "mail", lease=3600 * SECOND)
    return rig


@pytest.fixture
def mail(rig: Rig) -> Rig:
    return eased(rig)


def per_second(rig: Rig, seconds: int = 1, step: int = 10_000) -> float:
    """Starts in a second, with a backlog and a process that asks all the time."""
    started = 0
    for _ in range(seconds * SECOND // step):
        given = rig.ask("s1", "mail", 250).grants
        started += len(given)
        rig.tell("s1", *(one.end("done") for one in given))
        rig.advance(step)
    return started / seconds


def refuse(rig: Rig, given: Given, wait: int = 1000) -> None:
    rig.tell("s1", given.end("defer", scope="mail", at=wait))


def changes(rig: Rig) -> list[dict[str, Any]]:
    found = events_in(rig.client, rig.keys.workstream("mail", "log"), "limit_changed")
    return [json.loads(event["x"]) for event in found]


def backlog(rig: Rig) -> tuple[Given, ...]:
    """A full second of starts under way, with many more behind."""
    for _ in range(8):
        rig.send("mail", 1000)
    return rig.ask("s1", "mail", 250).grants


def test_a_refusal_lowers_the_rate_and_spreads_what_is_left_evenly(mail: Rig) -> None:
    given = backlog(mail)
    assert len(given) == FULL
    refuse(mail, given[0])
    mail.advance(2 * SECOND)
    assert len(mail.ask("s1", "mail", 250).grants) == 1
    assert 45 <= per_second(mail) <= 90


def test_many_refusals_of_one_moment_lower_the_rate_once(mail: Rig) -> None:
    for one in backlog(mail)[:20]:
        refuse(mail, one)
    assert [change["to"] for change in changes(mail)] == [FULL / 2]
    assert changes(mail)[0]["by"] == "upstream"


def test_a_refusal_of_what_started_since_lowers_it_again(mail: Rig) -> None:
    refuse(mail, backlog(mail)[0])
    mail.advance(SECOND)
    [later] = mail.ask("s1", "mail", 1).grants
    refuse(mail, later)
    assert len(changes(mail)) == 2


def test_the_rate_never_falls_below_its_floor(mail: Rig) -> None:
    backlog(mail)
    for _ in range(30):
        [one] = mail.ask("s1", "mail", 1).grants or [None]
        if one:
            refuse(mail, one)
        mail.advance(SECOND)
    assert 2 <= per_second(mail, 3) <= 6


def test_the_rate_comes_back_to_where_it_was_refused_and_then_to_the_whole(mail: Rig) -> None:
    refuse(mail, backlog(mail)[0])
    mail.advance(10 * SECOND)
    near = per_second(mail, 2)
    assert 0.9 * FULL <= near <= FULL
    mail.advance(20 * SECOND)
    # Whole again: a burst is let in at once.
    assert len(mail.ask("s1", "mail", 250).grants) == FULL


def test_the_declared_rate_holds_while_the_pace_comes_back(mail: Rig) -> None:
    refuse(mail, backlog(mail)[0])
    starts: list[int] = []
    for _ in range(1000):
        given = mail.ask("s1", "mail", 250).grants
        starts += [mail.now] * len(given)
        mail.tell("s1", *(one.end("done") for one in given))
        mail.advance(24_000)
    worst = max(
        sum(1 for at in starts[i : i + 2 * FULL] if at < starts[i] + SECOND) for i in range(len(starts))
    )
    assert worst <= FULL


def test_a_job_dearer_than_what_is_left_of_the_rate_starts_some_day(mail: Rig) -> None:
    refuse(mail, backlog(mail)[0])
    mail.send("mail", 1, cost=FULL, shift=-3600 * SECOND)
    mail.advance(SECOND)
    assert per_second(mail, 6) > 0


def test_without_the_option_a_refusal_lowers_nothing(rig: Rig) -> None:
    rig.publish(mail={"rate": {"rate": f"{FULL}/s", "margin": "0ms"}})
    rig.open("s1", "mail")
    given = backlog(rig)
    refuse(rig, given[0])
    rig.advance(SECOND)
    assert len(rig.ask("s1", "mail", 250).grants) == FULL


def test_what_was_tried_is_what_was_refused_where_it_was_less_than_what_was_allowed(mail: Rig) -> None:
    mail.send("mail", 10)
    given = mail.ask("s1", "mail", 250).grants
    refuse(mail, given[0])
    assert [change["to"] for change in changes(mail)] == [5]
