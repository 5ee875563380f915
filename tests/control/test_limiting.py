"""Promise I8 for limits: a change holds for the whole fleet from its reply on, until it is reset."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.control.conftest import Desk
from tests.lua.rig import SECOND
from workstreams.control import LimitChange, change_limit, pause, reset_limit, resume
from workstreams.errors import ConfigError, LimitNotPublished, UnknownLimit
from workstreams.state import JobFilter, LimitState, Terms, list_jobs, read_job, read_limits, read_status
from workstreams.units import Rate, parse_rate


def rate(*texts: str) -> tuple[Rate, ...]:
    return tuple(map(parse_rate, texts))


def change(desk: Desk, name: str = "mail", key: str = "", **what: Any) -> bool:
    return change_limit(desk.link, desk.config, name, LimitChange(**what), key)


def reset(desk: Desk, name: str = "mail", key: str = "") -> bool:
    return reset_limit(desk.link, desk.config, name, key)


def state(desk: Desk, name: str = "mail", key: str = "") -> LimitState:
    return read_limits(desk.link, desk.config, [(name, key)])[0]


def told(desk: Desk, ws: str = "mail") -> list[dict[str, Any]]:
    """What events say of an operator's changes, the oldest first."""
    log: Any = desk.rig.client.xrange(desk.rig.keys.workstream(ws, "log"))
    parts = [fields[b"p"].decode().split("\x1f") for _, fields in log]
    found = [json.loads(part[-1]) for part in parts if part[0] == "limit_changed"]
    return [details for details in found if details["by"] == "operator"]


def admitted(desk: Desk, most: int = 50, ws: str = "mail") -> int:
    """How many a worker is given now; they end at once."""
    given = desk.rig.ask("s1", ws, most).grants
    for one in given:
        desk.rig.tell("s1", one.end("done"))
    return len(given)


@pytest.fixture
def mail(desk: Desk) -> Desk:
    """Fifty jobs under 5/s, three at once."""
    desk.declare(mail={"rate": "5/s", "concurrency": 3})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 50)
    return desk


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


def test_each_change_is_one_event_with_what_held_before_and_after(mail: Desk) -> None:
    assert change(mail, rates=rate("20/s", "10000/h"), concurrency=5)
    assert not change(mail, rates=rate("20/s", "10000/h"), concurrency=5)
    assert change(mail, burst=2, unbounded=True)
    assert told(mail) == [
        {
            "by": "operator",
            "limit": "mail",
            "old": {"rate": "5/s", "concurrency": 3},
            "new": {"rate": "20/s, 10000/h", "concurrency": 5},
        },
        {
            "by": "operator",
            "limit": "mail",
            "old": {"rate": "20/s, 10000/h", "concurrency": 5},
            "new": {"rate": "20/s burst 2, 10000/h", "concurrency": None},
        },
    ]


@pytest.mark.parametrize(
    ("text", "said"), [("5/30s", "5/30s"), ("1/d", "1/d"), ("9/250ms", "9/250ms"), ("7/2h", "7/2h")]
)
def test_an_event_says_a_rate_as_people_write_it(mail: Desk, text: str, said: str) -> None:
    change(mail, rates=rate(text))
    [details] = told(mail)
    assert details["new"]["rate"] == said


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


def test_status_tells_what_the_file_says_where_something_else_holds(mail: Desk) -> None:
    change(mail, rates=rate("2/s", "100/h"), concurrency=1)
    [found] = read_status(mail.link, mail.config, ["mail"])
    assert [str(one) for one in found.rates] == ["0 of 2/s", "0 of 100/h"]
    assert (found.file_of("mail", "rates"), found.file_of("mail", "concurrency")) == ("5/s", "3")
    reset(mail)
    assert read_status(mail.link, mail.config, ["mail"])[0].overridden == ()


def test_a_used_up_limit_says_until_when(mail: Desk) -> None:
    change(mail, unbounded=True)
    admitted(mail)
    found = state(mail)
    assert (str(found.rates[0]), found.running) == ("5 of 5/s", 0)
    assert found.blocked_until == found.at + SECOND + found.in_force.rates[0].margin


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


def test_a_key_of_a_shared_limit_is_refused(desk: Desk) -> None:
    desk.declare(limits={"account": {"rate": "5/s"}})
    for act in (
        lambda: change(desk, "account", "acme", concurrency=1),
        lambda: reset(desk, "account", "acme"),
    ):
        with pytest.raises(
            ConfigError, match='--key: expected a workstream, found the shared limit "account"'
        ):
            act()


def test_a_name_that_nobody_declares_is_answered_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(UnknownLimit, match='did you mean "mail"'):
        change(desk, "male", concurrency=1)
    with pytest.raises(UnknownLimit, match='did you mean "mail"'):
        state(desk, "male")


def test_a_limit_that_nobody_published_is_shown_as_declared_and_cannot_be_changed(desk: Desk) -> None:
    desk.declare(mail={"concurrency": 3})
    desk.rig.client.delete(desk.rig.keys.limit("mail", "settings"))
    found = state(desk)
    assert (found.published, found.in_force) == (False, Terms((), 3))
    with pytest.raises(LimitNotPublished, match="start a worker"):
        change(desk, concurrency=1)


def test_what_is_set_for_a_key_is_kept_beside_what_holds_for_each(desk: Desk) -> None:
    desk.declare(mail={"per_key": {"rate": "2/s", "concurrency": 1}})
    assert change(desk, key="acme", rates=rate("9/s"))
    assert change(desk, key="acme", unbounded=True)
    found = state(desk, key="acme")
    assert (found.overridden, found.in_force.concurrency) == (("rates", "concurrency"), None)
    assert (found.in_force.rates[0].permits, found.file.rates[0].permits, found.file.concurrency) == (9, 2, 1)
    assert state(desk, key="other").overridden == ()
    assert state(desk).keys == ("acme",)
    assert reset(desk, key="acme")
    assert state(desk, key="acme").in_force == found.file
    assert state(desk).keys == ()


@pytest.fixture
def keyed(desk: Desk) -> Desk:
    """Twenty jobs of one key under 2/s and one at once for each key, and a worker."""
    desk.declare(mail={"per_key": {"rate": "2/s", "concurrency": 2}})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 20, key="acme")
    return desk


def test_a_key_whose_rate_is_raised_goes_on_at_once(keyed: Desk) -> None:
    assert admitted(keyed) == 2
    assert admitted(keyed) == 0
    change(keyed, key="acme", rates=rate("9/s"), unbounded=True)
    assert admitted(keyed) == 7
    found = state(keyed, key="acme")
    assert (str(found.rates[0]), found.running) == ("9 of 9/s", None)
    assert found.blocked_until == found.at + SECOND + found.in_force.rates[0].margin


def test_a_key_that_is_given_more_at_once_goes_on_at_once(keyed: Desk) -> None:
    keyed.declare(mail={"per_key": {"concurrency": 2}})
    assert len(keyed.rig.ask("s1", "mail", 9).ids) == 2
    change(keyed, key="acme", concurrency=5)
    assert len(keyed.rig.ask("s1", "mail", 9).ids) == 3
    assert state(keyed, key="acme").running == 5


def test_what_is_left_out_for_a_key_follows_the_file(keyed: Desk) -> None:
    change(keyed, key="acme", rates=rate("9/s"))
    assert len(keyed.rig.ask("s1", "mail", 9).ids) == 2
    keyed.declare(mail={"per_key": {"concurrency": 3}})
    assert state(keyed, key="acme").in_force.concurrency == 3


def test_the_way_back_for_a_key_forgets_nothing_that_was_admitted_meanwhile(keyed: Desk) -> None:
    keyed.declare(mail={"per_key": {"rate": "10/m"}})
    assert admitted(keyed, 3) == 3
    change(keyed, key="acme", rates=rate("2/s"))
    for _ in range(3):
        keyed.rig.advance(2 * SECOND)
        assert admitted(keyed) == 2
    reset(keyed, key="acme")
    assert admitted(keyed) == 1


def test_a_change_lets_no_key_go_that_an_upstream_holds(keyed: Desk) -> None:
    [given] = keyed.rig.ask("s1", "mail", 1).grants
    keyed.rig.tell("s1", given.end("defer", scope="key", at=60 * SECOND))
    change(keyed, key="acme", rates=rate("9/s"), unbounded=True)
    assert admitted(keyed) == 0
    keyed.rig.advance(61 * SECOND)
    assert admitted(keyed) == 9


def test_a_refusal_of_an_upstream_shows_as_the_time_until_which_nothing_starts(mail: Desk) -> None:
    [given] = mail.rig.ask("s1", "mail", 1).grants
    mail.rig.tell("s1", given.end("defer", scope="mail", at=60 * SECOND))
    found = state(mail)
    assert found.blocked_until == found.at + 60 * SECOND


def test_a_rate_that_an_upstream_lowered_is_shown_with_its_pace(desk: Desk) -> None:
    desk.declare(mail={"rate": "10/s", "on_rate_limited": {"back_off": 0.5}})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 10)
    given = desk.rig.ask("s1", "mail", 10).grants
    desk.rig.tell("s1", given[0].end("defer", scope="mail", at=0))
    assert str(state(desk).rates[0]) == "10 of 10/s (lowered to 5)"
    [shown] = read_status(desk.link, desk.config, ["mail"])
    assert str(shown.rates[0]) == "10 of 10/s (lowered to 5)"


def test_foreign_content_is_told_and_the_other_limits_shown(desk: Desk) -> None:
    desk.declare(mail=None, sms=None)
    desk.rig.client.delete(desk.rig.keys.workstream("mail", "running"))
    desk.rig.client.set(desk.rig.keys.workstream("mail", "running"), "text")
    mail, sms = read_limits(desk.link, desk.config, [("mail", ""), ("sms", "")])
    assert "WRONGTYPE" in mail.problem
    assert sms.problem == ""


def hold_of(desk: Desk, job: str) -> tuple[str, str]:
    """Why a job waits, and what of its key holds it; its record is made readable first."""
    body = json.dumps(
        {
            "queue_name": "mail",
            "actor_name": "a",
            "args": [],
            "kwargs": {},
            "message_id": job,
            "message_timestamp": 0,
        }
    )
    desk.rig.client.hset(desk.rig.keys.workstream("mail", "job", job), "body", body)
    hold = read_job(desk.link, desk.config, job).hold
    [listed] = list_jobs(
        desk.link, desk.config, ["mail"], JobFilter(key="acme", state="waiting", limit=1)
    ).jobs
    assert listed.hold.why == hold.why
    return hold.why, hold.of_key


def test_a_job_says_what_of_its_key_holds_it(keyed: Desk) -> None:
    last = keyed.rig.send("mail", key="acme")[0]
    given = keyed.rig.ask("s1", "mail", 2).grants
    assert hold_of(keyed, last) == ("key", "concurrency")
    for one in given:
        keyed.rig.tell("s1", one.end("done"))
    assert hold_of(keyed, last) == ("key", "rate")
    pause(keyed.link, keyed.config, "mail", "acme")
    assert hold_of(keyed, last) == ("key", "paused")
    resume(keyed.link, keyed.config, "mail", "acme")
    change(keyed, key="acme", rates=rate("100/s"))
    assert hold_of(keyed, last) == ("next", "")
    [one] = keyed.rig.ask("s1", "mail", 1).grants
    keyed.rig.tell("s1", one.end("defer", scope="key", at=60 * SECOND))
    assert hold_of(keyed, last) == ("key", "upstream")
