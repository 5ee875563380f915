from __future__ import annotations

import pytest

from tests.control.conftest import Desk
from tests.lua.rig import SECOND
from workstreams.control import LimitChange, change_limit, pause, reset_limit, resume
from workstreams.errors import ConfigError, RedisUnsuitable, UnknownWorkstream
from workstreams.state import read_limits, read_status
from workstreams.wait.broker import WorkstreamBroker


def test_after_the_reply_of_a_pause_nothing_is_admitted_until_it_is_resumed(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 2)
    assert pause(desk.link, desk.config, "mail")
    answer = desk.rig.ask("s1", "mail", 2)
    assert (answer.ids, answer.why) == ([], {"mail": "paused"})
    ears = desk.rig.listen("s1")
    assert resume(desk.link, desk.config, "mail")
    assert ears.heard() == [("s1", "mail now")]
    ears.close()
    assert len(desk.rig.ask("s1", "mail", 2).ids) == 2


def test_a_resume_wakes_a_sleeper_for_what_is_only_scheduled(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    pause(desk.link, desk.config, "mail")
    desk.rig.ask("s1", "mail")
    ears = desk.rig.listen("s1")
    desk.rig.send("mail", due=f"+{SECOND}")
    ears.heard()
    resume(desk.link, desk.config, "mail")
    assert ("s1", "mail now") in ears.heard()
    ears.close()
    assert desk.rig.ask("s1", "mail").wait == {"mail": SECOND}


def test_each_change_is_one_event_and_a_repeated_one_is_none(desk: Desk) -> None:
    assert pause(desk.link, desk.config, "mail")
    assert not pause(desk.link, desk.config, "mail")
    assert resume(desk.link, desk.config, "mail")
    assert not resume(desk.link, desk.config, "mail")
    assert [name for name, _ in desk.rig.events("mail") if name in ("paused", "resumed")] == [
        "paused",
        "resumed",
    ]


def test_a_pause_outlives_a_new_config_and_status_tells_it(desk: Desk) -> None:
    pause(desk.link, desk.config, "mail")
    desk.rig.publish(version="2", mail={"rate": "5/s"})
    [state] = read_status(desk.link, desk.config, ["mail"])
    assert (state.paused, state.hold.why) == (True, "paused")


def test_what_the_file_pauses_can_be_resumed_and_paused_again(desk: Desk) -> None:
    config = desk.declare(mail={"paused": True})
    assert resume(desk.link, config, "mail")
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 2)
    assert len(desk.rig.ask("s1", "mail").ids) == 1
    assert pause(desk.link, config, "mail")
    assert desk.rig.ask("s1", "mail").why == {"mail": "paused"}


def test_after_a_resume_a_later_paused_in_the_file_counts(desk: Desk) -> None:
    pause(desk.link, desk.config, "mail")
    resume(desk.link, desk.config, "mail")
    desk.rig.publish(version="2", mail={"paused": True})
    assert read_status(desk.link, desk.config, ["mail"])[0].paused


def test_a_workstream_that_nobody_has_published_can_be_paused(desk: Desk) -> None:
    desk.rig.client.delete(desk.rig.keys.workstream("mail", "settings"))
    assert pause(desk.link, desk.config, "mail")
    assert read_status(desk.link, desk.config, ["mail"])[0].paused


def test_an_undeclared_workstream_is_refused(desk: Desk) -> None:
    with pytest.raises(UnknownWorkstream):
        pause(desk.link, desk.config, "male")


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """Two workstreams within one limit and one that is not, each with jobs."""
    desk.declare(
        limits={"account": {"rate": "9/s"}}, mail={"within": "account"}, sms={"within": "account"}, b=9
    )
    desk.rig.open("s1", "mail", "sms", "b")
    for name in ("mail", "sms", "b"):
        desk.rig.send(name, 2)
    return desk


def test_a_paused_limit_stops_every_workstream_within_it_and_no_other(shared: Desk) -> None:
    assert pause(shared.link, shared.config, "account")
    for name in ("mail", "sms"):
        answer = shared.rig.ask("s1", name, 2)
        assert (answer.ids, answer.why) == ([], {name: "paused"})
    assert len(shared.rig.ask("s1", "b", 2).ids) == 2
    ears = shared.rig.listen()
    assert resume(shared.link, shared.config, "account")
    assert ("all", "* now") in ears.heard()
    ears.close()
    assert len(shared.rig.ask("s1", "sms", 2).ids) == 2


def test_status_says_which_limit_is_paused(shared: Desk) -> None:
    pause(shared.link, shared.config, "account")
    [state] = read_status(shared.link, shared.config, ["mail"])
    assert (state.paused, state.hold.why, state.hold.limit) == (False, "paused", "account")


def test_a_pause_of_a_limit_is_one_event_of_each_workstream_within_it(shared: Desk) -> None:
    assert pause(shared.link, shared.config, "account")
    assert not pause(shared.link, shared.config, "account")
    assert resume(shared.link, shared.config, "account")
    assert not resume(shared.link, shared.config, "account")
    for name, events in (("mail", ["paused", "resumed"]), ("sms", ["paused", "resumed"]), ("b", [])):
        assert [what for what, _ in shared.rig.events(name) if what in ("paused", "resumed")] == events


def test_a_paused_limit_keeps_what_an_operator_set_and_a_reset_keeps_the_pause(shared: Desk) -> None:
    change_limit(shared.link, shared.config, "account", LimitChange(concurrency=3))
    pause(shared.link, shared.config, "account")
    reset_limit(shared.link, shared.config, "account")
    [state] = read_limits(shared.link, shared.config, [("account", "")])
    assert (state.paused, state.overridden) == (True, ())
    resume(shared.link, shared.config, "account")
    assert not read_limits(shared.link, shared.config, [("account", "")])[0].paused


def test_a_limit_that_nobody_has_published_can_be_paused(shared: Desk) -> None:
    shared.rig.client.delete(shared.rig.keys.limit("account", "settings"))
    assert pause(shared.link, shared.config, "account")
    assert read_limits(shared.link, shared.config, [("account", "")])[0].paused


def test_a_paused_key_waits_and_the_others_go_on(desk: Desk) -> None:
    desk.rig.open("s1", "mail")
    [held] = desk.rig.send("mail", key="acme")
    [free] = desk.rig.send("mail", key="bmw")
    assert pause(desk.link, desk.config, "mail", "acme")
    assert not pause(desk.link, desk.config, "mail", "acme")
    assert desk.rig.ask("s1", "mail", 2).ids == [free]
    assert resume(desk.link, desk.config, "mail", "acme")
    assert desk.rig.ask("s1", "mail", 2).ids == [held]


def test_a_key_of_a_shared_limit_is_refused(shared: Desk) -> None:
    with pytest.raises(ConfigError, match='a workstream, found the shared limit "account"'):
        pause(shared.link, shared.config, "account", "acme")


def test_a_pause_that_cannot_be_published_over_something_else_is_told_in_one_sentence(
    broker: WorkstreamBroker,
) -> None:
    broker.link.scripts.client.set(broker.link.keys.workstreams, "of another program")
    with pytest.raises(RedisUnsuitable, match="give this app another name"):
        pause(broker.link, broker.config, "mail")
