"""The log's entries as operations write them: once a call, whatever happens in it."""

from __future__ import annotations

import pytest

from tests.lua.rig import SECOND, Rig
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


def test_an_app_s_log_that_cannot_be_written_costs_no_call_its_answer(mail: Rig) -> None:
    for log in (mail.keys.log, mail.keys.workstream("mail", "log")):
        mail.client.set(log, "no stream")
    [job] = mail.send("mail", 1)
    [given] = mail.ask("s1", "mail").grants
    assert given.id == job
    assert mail.tell("s1", given.end("done")).refused == ()
    assert mail.state("mail", job) == "done"


def test_that_a_log_cannot_be_written_is_told_once_in_ten_seconds(mail: Rig) -> None:
    def told() -> list[str]:
        return [event["x"] for event in events_in(mail.client, mail.keys.log, "log_failed")]

    log = mail.keys.workstream("mail", "log")
    mail.client.set(log, "no stream")
    for _ in range(5):
        mail.send("mail", 1)
        mail.advance(SECOND)
    assert len(told()) == 1
    mail.advance(5 * SECOND)
    mail.send("mail", 1)
    assert len(told()) == 2
    assert log in told()[1]
