"""Promise I8 for the limits of keys: a change for one key holds for it alone, until it is reset."""

from __future__ import annotations

import json

import pytest

from tests.control.conftest import Desk
from tests.control.limits import admitted, change, rate, reset, state
from tests.lua.rig import SECOND
from workstreams.control import pause, resume
from workstreams.errors import ConfigError
from workstreams.state import JobFilter, list_jobs, read_job


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
