"""Logs stay within their sizes, and are seldom measured for that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lua.rig import SECOND, Rig
from tests.support import events_in

SIZE = 300 * 1024


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    return rig


def used(rig: Rig) -> int:
    """Bytes that the log takes, of which all nodes are looked at."""
    return rig.client.memory_usage(rig.keys.workstream("mail", "log"), samples=0) or 0


def names(rig: Rig, ws: str = "mail") -> list[str]:
    return [event["e"] for event in events_in(rig.client, rig.keys.workstream(ws, "log"))]


def test_a_log_stays_near_its_size_however_many_events_an_entry_holds(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    for _ in range(120):
        mail.send("mail", 100)
        mail.advance(997)
        assert used(mail) < 1.02 * SIZE
    assert len(names(mail)) > 1000


def test_a_log_is_measured_when_it_may_be_full_and_every_ten_seconds(mail: Rig) -> None:
    def measured(calls: int) -> int:
        mail.client.config_resetstat()
        for _ in range(calls):
            mail.send("mail", 10)
            mail.advance(1000)
        return int(mail.client.info("commandstats").get("cmdstat_memory|usage", {"calls": 0})["calls"])

    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    mail.send("mail", 1)
    assert measured(50) == 0
    mail.advance(10 * SECOND)
    assert measured(50) == 1
    while not measured(20):
        pass
    assert 0 < measured(200) < 100


def test_what_others_append_to_a_log_is_cut_within_ten_seconds(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    log = mail.keys.workstream("mail", "log")
    mail.send("mail", 1)
    padding: Any = {"o": "x" * 1000, "j": ""}
    for _ in range(600):
        mail.client.xadd(log, padding)
    mail.advance(10 * SECOND)
    mail.send("mail", 1)
    assert used(mail) < 1.02 * SIZE
    assert names(mail)[-1] == "sent"


def test_the_log_of_the_app_is_not_cut_short_by_what_an_operator_does(mail: Rig) -> None:
    padding: Any = {"o": "{}", "j": "x" * 200}
    for _ in range(500):
        mail.client.xadd(mail.keys.log, padding)
    paused = {"schedule": "nightly", "epoch": mail.epoch, "fresh": "f"}
    for number in range(300):
        call = {**paused, "request": str(number), "paused": str((number + 1) % 2)}
        assert mail.scripts.run("schedule_switch", call) == [b"ok"]
        mail.advance(1)
    assert mail.client.xlen(mail.keys.log) == 800


def test_a_few_large_lines_at_its_beginning_do_not_cost_a_log_the_rest(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "1MiB"}}})
    log = mail.keys.workstream("mail", "log")
    for _ in range(5):
        mail.client.xadd(log, {"o": "x" * 60_000, "j": ""})
    for _ in range(8):
        for _ in range(2):
            mail.send("mail", 200)
        mail.advance(1)
    assert names(mail).count("sent") == 3200


def test_a_log_of_large_entries_keeps_the_last_one(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "256KiB"}}})
    log = mail.keys.workstream("mail", "log")
    mail.client.xadd(log, {"o": "x" * 2_000_000, "j": ""})
    mail.advance(10 * SECOND)
    mail.send("mail", 1)
    assert names(mail) == ["sent"]


def test_a_user_who_may_not_ask_for_memory_has_a_log_near_its_size(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    mail.client.execute_command("ACL", "SETUSER", "default", "-memory")
    try:
        for _ in range(120):
            mail.send("mail", 100)
            mail.advance(997)
    finally:
        mail.client.execute_command("ACL", "SETUSER", "default", "+memory")
    assert 200_000 < used(mail) < 500_000
