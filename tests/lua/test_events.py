"""The log's entries as operations write them: once a call, whatever happens in it, within their size."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lua.rig import Rig
from tests.support import events_in
from workstreams.store.library import ScriptFailed


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail=None)
    rig.open("s1", "mail")
    return rig


def names(rig: Rig, ws: str = "mail") -> list[str]:
    return [event["e"] for event in events_in(rig.client, rig.keys.workstream(ws, "log"))]


def test_what_happens_in_one_call_is_one_entry_in_its_order(mail: Rig) -> None:
    sent = mail.send("mail", 3)
    given = mail.ask("s1", "mail", 3).grants
    mail.exchange(mail.call("s1", {"mail": 1}, [one.end("done") for one in given]))
    log = mail.keys.workstream("mail", "log")
    assert mail.client.xlen(log) == 3
    assert [(event["e"], event["j"]) for event in events_in(mail.client, log)] == [
        (name, job) for name in ("sent", "started", "finished") for job in sent
    ]


def test_more_events_than_one_entry_may_hold_are_several(mail: Rig) -> None:
    mail.send("mail", 150)
    assert mail.client.xlen(mail.keys.workstream("mail", "log")) == 3
    assert names(mail) == ["sent"] * 150


def test_a_call_that_stops_in_the_middle_has_told_what_it_did_before(mail: Rig) -> None:
    mail.send("mail", 2)
    first, second = mail.ask("s1", "mail", 2).grants
    with pytest.raises(ScriptFailed, match=r"finish\.lua:\d+"):
        mail.exchange(mail.call("s1", {}, [first.end("done"), second.end("no outcome")]))
    assert mail.state("mail", first.id) == "done"
    assert names(mail)[-1] == "finished"


def test_a_send_that_was_undone_leaves_no_event(mail: Rig) -> None:
    mail.client.set(mail.keys.workstream("mail", "job", "b"), "no job")
    words = [("mail", job, "", 0, 1, "", "act", "{}", "{}") for job in ("a", "b")]
    with pytest.raises(ScriptFailed, match="WRONGTYPE"):
        mail.send_words(words)
    assert names(mail) == []


def test_a_log_stays_near_its_size_however_many_events_an_entry_holds(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    log = mail.keys.workstream("mail", "log")
    for _ in range(120):
        mail.send("mail", 100)
        mail.advance(997)
    assert mail.client.memory_usage(log) < 500_000
    assert len(names(mail)) > 1000


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
    mail.freeze(mail.now // 128 * 128)  # the next event looks how large the log is
    log = mail.keys.workstream("mail", "log")
    mail.client.xadd(log, {"o": "x" * 2_000_000, "j": ""})
    mail.send("mail", 1)
    assert names(mail) == ["sent"]


def test_a_user_who_may_not_ask_for_memory_has_a_log_near_its_size(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"logs": {"size": "300KiB"}}})
    log = mail.keys.workstream("mail", "log")
    mail.client.execute_command("ACL", "SETUSER", "default", "-memory")
    try:
        for _ in range(120):
            mail.send("mail", 100)
            mail.advance(997)
    finally:
        mail.client.execute_command("ACL", "SETUSER", "default", "+memory")
    assert 200_000 < (mail.client.memory_usage(log) or 0) < 500_000


def test_an_app_s_log_that_cannot_be_written_costs_no_call_its_answer(mail: Rig) -> None:
    for log in (mail.keys.log, mail.keys.workstream("mail", "log")):
        mail.client.set(log, "no stream")
    [job] = mail.send("mail", 1)
    [given] = mail.ask("s1", "mail").grants
    assert given.id == job
    assert mail.tell("s1", given.end("done")).refused == ()
    assert mail.state("mail", job) == "done"
