"""Promise I8 for limits: a change holds for the whole fleet from its reply on, until it is reset."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.conftest import Desk
from tests.control.limits import admitted, change, rate, reset, state, told
from tests.lua.rig import SECOND
from workstreams.errors import ConfigError, UnknownLimit
from workstreams.units import Rate


def test_after_the_reply_of_a_change_nothing_follows_the_old_rate(mail: Desk) -> None:
    change(mail, unbounded=True)
    assert admitted(mail) == 5
    assert change(mail, rates=rate("8/s"))
    assert admitted(mail) == 3
    mail.rig.advance(2 * SECOND)
    assert admitted(mail) == 8


def test_a_lowered_rate_binds_the_next_admission(mail: Desk) -> None:
    assert admitted(mail) == 3
    assert change(mail, rates=rate("2/s"))
    assert admitted(mail) == 0
    mail.rig.advance(2 * SECOND)
    assert admitted(mail) == 2


def test_several_rates_hold_together(mail: Desk) -> None:
    change(mail, rates=rate("10/m", "2/s"), unbounded=True)
    counts = []
    for _ in range(8):
        counts.append(admitted(mail))
        mail.rig.advance(2 * SECOND)
    assert counts == [2, 2, 2, 2, 2, 0, 0, 0]
    assert [str(Rate(one.permits, one.window)) for one in state(mail).in_force.rates] == ["2/s", "10/m"]


def test_a_concurrency_is_changed_lifted_and_reset(mail: Desk) -> None:
    mail.declare(mail={"concurrency": 3})
    assert change(mail, concurrency=1)
    given = mail.rig.ask("s1", "mail", 5).grants
    assert len(given) == 1
    assert mail.rig.ask("s1", "mail", 5).why == {"mail": "concurrency"}
    assert change(mail, unbounded=True)
    assert len(mail.rig.ask("s1", "mail", 5).grants) == 5
    assert reset(mail)
    assert mail.rig.ask("s1", "mail", 5).why == {"mail": "concurrency"}
    assert state(mail).running == 6


def test_a_burst_alone_is_for_the_shortest_rate_in_force(mail: Desk) -> None:
    change(mail, rates=rate("9/s", "1000/h"), unbounded=True)
    assert change(mail, burst=2)
    assert [one.burst for one in state(mail).in_force.rates] == [2, None]
    assert admitted(mail) == 2


def test_a_burst_outlasts_a_change_of_the_rate_unless_it_no_longer_fits(desk: Desk) -> None:
    desk.declare(mail={"rate": "10/s", "burst": 4})
    change(desk, rates=rate("20/s"))
    assert state(desk).in_force.rates[0].burst == 4
    change(desk, rates=rate("3/s"))
    assert state(desk).in_force.rates[0].burst is None


def test_a_declared_margin_stays_unless_the_new_window_is_too_short_for_it(desk: Desk) -> None:
    desk.declare(mail={"rate": "10/s", "margin": "50ms"})
    change(desk, rates=rate("20/s"))
    assert state(desk).in_force.rates[0].margin == 50_000
    change(desk, rates=rate("20/20ms"))
    assert state(desk).in_force.rates[0].margin == 200


def test_a_change_outlives_a_new_config_which_shows_as_what_the_file_says(mail: Desk) -> None:
    change(mail, rates=rate("2/s"))
    mail.rig.publish(version="2", mail={"rate": "7/s"})
    found = state(mail)
    assert (found.in_force.rates[0].permits, found.file.rates[0].permits) == (2, 7)
    assert (found.overridden, found.in_force.concurrency) == (("rates",), None)
    assert reset(mail)
    assert state(mail).in_force.rates[0].permits == 7
    assert state(mail).overridden == ()


def test_the_way_back_to_the_file_forgets_nothing_that_was_admitted_meanwhile(desk: Desk) -> None:
    desk.declare(mail={"rate": "10/m"})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 50)
    assert admitted(desk, 3) == 3
    change(desk, rates=rate("2/s"))
    for _ in range(3):
        desk.rig.advance(2 * SECOND)
        assert admitted(desk) == 2
    reset(desk)
    assert state(desk).rates[0].used == 9
    assert admitted(desk) == 1


def test_a_window_that_is_new_begins_with_what_is_known_of_the_past(mail: Desk) -> None:
    change(mail, unbounded=True)
    assert admitted(mail) == 5
    change(mail, rates=rate("6/m"))
    assert admitted(mail) == 1


def test_a_new_config_leaves_the_log_of_a_window_alone_that_holds_now(desk: Desk) -> None:
    desk.declare(mail={"rate": "100/m"})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 50)
    change(desk, rates=rate("5/s"))
    assert admitted(desk) == 5
    desk.rig.publish(version="2", mail={"rate": "50/s"})
    assert admitted(desk) == 0
    assert reset(desk)
    assert admitted(desk) == 45


def test_a_change_wakes_everybody_and_opens_the_gate_that_was_shut(mail: Desk) -> None:
    admitted(mail)
    ears = mail.rig.listen()
    change(mail, rates=rate("100/s"), unbounded=True)
    assert ("all", "* now") in ears.heard()
    ears.close()
    assert admitted(mail) == 47


def test_a_shared_limit_is_changed_for_all_that_are_within_it(desk: Desk) -> None:
    desk.declare(
        limits={"account": {"rate": "5/s"}}, mail={"within": "account"}, sms={"within": "account"}, b=1
    )
    desk.rig.open("s1", "mail", "sms")
    for name in ("mail", "sms"):
        desk.rig.send(name, 10)
    assert change(desk, "account", rates=rate("2/s"))
    assert (admitted(desk, ws="mail"), admitted(desk, ws="sms")) == (2, 0)
    assert state(desk, "account").held == ("mail", "sms")
    for name in ("mail", "sms"):
        assert [details["limit"] for details in told(desk, name)] == ["account"]
    assert told(desk, "b") == []


def test_a_repeated_call_of_the_same_request_changes_nothing_twice(mail: Desk) -> None:
    call = {"request": "r", "name": "mail", "key": "", "concurrency": "1", "epoch": "", "fresh": "r"}
    assert mail.rig.scripts.run("limit", call) == [b"changed"]
    change(mail, concurrency=2)
    assert mail.rig.scripts.run("limit", call) == [b"changed"]
    assert state(mail).in_force.concurrency == 2


@pytest.mark.parametrize(
    ("what", "path", "expected"),
    [
        ({"rates": rate("2/s"), "burst": 3}, "--burst", "a burst of at most the 2 that 2/s permits"),
        ({"burst": 6}, "--burst", "a burst of at most the 5 that 5/s permits"),
        ({"rates": rate("2/s", "3/s")}, "--rate", "one rate over a window of 1s"),
    ],
)
def test_a_change_without_meaning_is_refused_and_nothing_is_changed(
    mail: Desk, what: dict[str, Any], path: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        change(mail, **what, concurrency=1)
    assert [(one.path, one.expected) for one in caught.value.problems] == [(path, expected)]
    assert state(mail).overridden == ()


def test_a_burst_without_a_rate_is_refused_with_the_way_out(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"--burst: expected a rate .* give it one together with its burst"):
        change(desk, burst=1)


def test_a_name_that_nobody_declares_is_answered_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(UnknownLimit, match='did you mean "mail"'):
        change(desk, "male", concurrency=1)
    with pytest.raises(UnknownLimit, match='did you mean "mail"'):
        state(desk, "male")
