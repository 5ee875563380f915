"""I8: a change of a limit is in force at once, over whole processes, and their sleepers learn of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.promises.fleet import Fleet, fleet, most_in_any
from tests.support import wait_until
from workstreams.control import LimitChange, change_limit, pause, reset_limit, resume
from workstreams.units import Rate, parse_rate

TICK = """
@actor(workstream="sms", key_arg="tenant")
def tick(tenant=None):
    run(0)
"""

SMS = "  sms: {rate: 2/h, within: [account]}\nlimits:\n  account: {rate: 1000/s}\n"


@pytest.fixture
def sms(tmp_path: Path, app_name: str, server_url: str) -> Iterator[Fleet]:
    """Two processes that have done the two jobs an hour that they may, and sleep."""
    with fleet(tmp_path, app_name, server_url, SMS, TICK) as project:
        project.start().wait_for_workers(2)
        project.send("sms", "tick", 102)
        wait_until(lambda: len(project.noted("end")) == 2)
        yield project


def change(project: Fleet, name: str, rate: str, key: str = "") -> int:
    """Change a rate; returns Redis's µs after the reply."""
    link, config = project.broker.link, project.broker.config
    rates: tuple[Rate, ...] = (parse_rate(rate),)
    assert change_limit(link, config, name, LimitChange(rates=rates), key)
    return redis_now(project)


def redis_now(project: Fleet) -> int:
    seconds, us = project.broker.link.scripts.client.time()
    return int(seconds) * 1_000_000 + int(us)


def started(project: Fleet, after: int = 0) -> list[float]:
    """Redis's seconds of the starts that came later."""
    times: list[Any] = [int(fields["t"]) for fields in project.events("sms", "started")]
    return [at / 1_000_000 for at in times if at > after]


def test_sleeping_processes_take_up_a_raised_rate_within_a_second_and_hold_to_it(sms: Fleet) -> None:
    told = change(sms, "sms", "20/s")
    wait_until(lambda: len(started(sms, told)) >= 60)
    times = started(sms)
    # A second is the promise; a busy machine is given some more.
    assert min(started(sms, told)) - told / 1_000_000 < 3
    assert most_in_any(times, 1.01) <= 20


def test_after_the_reply_nothing_follows_the_old_rate(sms: Fleet) -> None:
    told = change(sms, "sms", "30/s")
    wait_until(lambda: len(started(sms, told)) >= 30)
    lowered = change(sms, "sms", "1/h")
    raised = redis_now(sms)
    change(sms, "sms", "100/s")
    sms.wait_until_empty("sms")
    assert [at for at in started(sms, lowered) if at * 1_000_000 < raised] == []
    assert len(started(sms)) == 102


def test_the_way_back_to_the_file_remembers_what_was_admitted_meanwhile(sms: Fleet) -> None:
    told = change(sms, "sms", "30/s")
    wait_until(lambda: len(started(sms, told)) >= 30)
    assert reset_limit(sms.broker.link, sms.broker.config, "sms")
    back = redis_now(sms)
    change(sms, "account", "500/s")  # everybody is woken once more
    assert started(sms, back) == []


def test_a_paused_shared_limit_stops_the_fleet_until_it_is_resumed(sms: Fleet) -> None:
    link, config = sms.broker.link, sms.broker.config
    told = change(sms, "sms", "30/s")
    wait_until(lambda: len(started(sms, told)) >= 30)
    assert pause(link, config, "account")
    paused = redis_now(sms)
    change(sms, "sms", "1000/s")  # everybody is woken, and none may start
    resumed = redis_now(sms)
    assert resume(link, config, "account")
    sms.wait_until_empty("sms")
    assert [at for at in started(sms, paused) if at * 1_000_000 < resumed] == []
    assert len(started(sms)) == 102
