"""Promise I1 for a send that stops over something else in Redis: it sent nothing, and can be repeated."""

from __future__ import annotations

import pytest

from tests.lua.rig import SECOND, Rig
from workstreams.store.library import ScriptFailed


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail=None, post=None)
    rig.open("s1", "mail", "post")
    return rig


#: One that is put before anything stops, one that is delayed, one of a key, one of another workstream.
JOBS = [
    ("post", "p", "", 0, 1, "", "act", "{}", "{}"),
    ("mail", "a", "", 0, 1, "", "act", "{}", "{}"),
    ("mail", "b", "", 0, 1, f"+{SECOND}", "act", "{}", "{}"),
    ("mail", "c", "k", 0, 1, "", "act", "{}", "{}"),
]


def spoil(rig: Rig, *places: str) -> list[str]:
    """Something else under a workstream's keys."""
    names = [rig.keys.workstream("mail", *place.split()) for place in places]
    for name in names:
        rig.client.delete(name)
        rig.client.rpush(name, "something else")
    return names


def assert_nothing_sent(rig: Rig) -> None:
    assert [rig.state(ws, one) for ws, one, *_ in JOBS] == ["gone"] * 4
    assert rig.ask("s1", "post", 9).ids == []
    assert rig.waiting("post") == 0


@pytest.mark.parametrize("places", [["scheduled"], ["waiting"], ["job c"]], ids=lambda places: places[0])
def test_a_send_that_stops_is_never_answered_as_sent(mail: Rig, places: list[str]) -> None:
    spoilt = spoil(mail, *places)
    for _ in range(2):
        with pytest.raises(ScriptFailed):
            mail.send_words(JOBS, "r1")
    mail.client.delete(*spoilt)
    assert_nothing_sent(mail)
    assert mail.send_words(JOBS, "r1")[:2] == [b"ok", 4]
    assert mail.send_words(JOBS, "r1")[:2] == [b"ok", 4]
    mail.advance(SECOND)
    assert mail.ask("s1", "post", 9).ids == ["p"]
    assert sorted(mail.ask("s1", "mail", 9).ids) == ["a", "b", "c"]


def test_a_send_that_stops_leaves_alone_what_was_there_before(mail: Rig) -> None:
    mail.send_words(JOBS[:1])
    [spoilt] = spoil(mail, "job a")
    with pytest.raises(ScriptFailed):
        mail.send_words(JOBS, "r1")
    assert mail.client.lrange(spoilt, 0, -1) == [b"something else"]
    assert mail.ask("s1", "post", 9).ids == ["p"]


def test_a_send_whose_jobs_are_in_place_is_remembered_although_it_could_not_be_counted(mail: Rig) -> None:
    spoil(mail, "count")
    with pytest.raises(ScriptFailed):
        mail.send_words(JOBS, "r1")
    mail.tell("s1", *(one.end("done") for one in mail.ask("s1", "post", 9).grants))
    mail.client.delete(mail.keys.workstream("post", "job", "p"))
    assert mail.send_words(JOBS, "r1")[:2] == [b"ok", 4]
    assert mail.ask("s1", "post", 9).ids == []
