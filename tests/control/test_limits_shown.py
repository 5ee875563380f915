"""What is shown of a limit and told of its changes: what holds, what the file says, and until when."""

from __future__ import annotations

import pytest

from tests.control.conftest import Desk
from tests.control.limits import admitted, change, rate, reset, state, told
from tests.lua.rig import SECOND
from workstreams.errors import LimitNotPublished
from workstreams.state import Terms, read_limits, read_status


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


def test_a_limit_that_nobody_published_is_shown_as_declared_and_cannot_be_changed(desk: Desk) -> None:
    desk.declare(mail={"concurrency": 3})
    desk.rig.client.delete(desk.rig.keys.limit("mail", "settings"))
    found = state(desk)
    assert (found.published, found.in_force) == (False, Terms((), 3))
    with pytest.raises(LimitNotPublished, match="start a worker"):
        change(desk, concurrency=1)


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
