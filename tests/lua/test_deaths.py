"""A death that a script decides is told in the same step, wherever that script runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lua.rig import SECOND, Rig

BODY = '{"queue_name":"mail","actor_name":"act","args":[9007199254740993,[]],"kwargs":{},"message_id":"j"}'


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"rate": "5/s"}, text=None)
    rig.open("s1", "mail", lease=5 * SECOND, most=1)
    rig.open("s2", "mail", "text")
    register(rig, act={"w": "mail", "on_dead": "undertaker", "max_retries": 3}, undertaker={"w": "text"})
    return rig


def register(rig: Rig, **actors: dict[str, Any]) -> None:
    """As a worker process does when it boots."""
    usual = {"shift": 0, "cost": 1, "opts": "{}"}
    mapping: dict[Any, Any] = {name: json.dumps(usual | record) for name, record in actors.items()}
    rig.client.hset(rig.keys.actors, mapping=mapping)


def send(rig: Rig, job: str = "j", cost: float = 1, options: str = "{}") -> str:
    rig.send_words([("mail", job, "", 0, cost, "", "act", BODY, options)])
    return job


def message(rig: Rig, order: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the order of a death carries."""
    body = json.loads(rig.job("text", order)["body"])
    assert (body["queue_name"], body["actor_name"], body["message_id"]) == ("text", "undertaker", order)
    dead, death = body["args"]
    return dead, death


def by_its_supervisor(rig: Rig) -> None:
    rig.end("s1")


def by_a_renewal(rig: Rig) -> None:
    for _ in range(5):
        rig.advance(SECOND)
        rig.renew("s2")


def by_an_exchange(rig: Rig) -> None:
    for _ in range(5):
        rig.advance(SECOND)
        rig.tell("s2")


@pytest.mark.parametrize("end", [by_its_supervisor, by_a_renewal, by_an_exchange])
def test_a_job_that_ended_its_process_too_often_is_told_of(mail: Rig, end: Any) -> None:
    send(mail, options='{"kept":[]}')
    # By a lease that ran out it takes some more of them.
    mail.client.hset(mail.keys.workstream("mail", "job", "j"), "lapses", 2)
    mail.ask("s1", "mail")
    mail.ask("s2", "text")
    ears = mail.listen("s2")
    end(mail)
    assert mail.state("mail", "j") == "dead"
    assert ("s2", "text now") in ears.heard()
    ears.close()
    dead, death = message(mail, "j:dead~1")
    assert (dead["args"], dead["options"]) == ([9007199254740993, []], {"kept": []})
    assert (death["type"], death["retries"], death["max_retries"]) == ("Poison", 0, 3)
    assert mail.ask("s2", "text", 5).ids == ["j:dead~1"]


def test_a_job_that_costs_too_much_is_told_of_where_its_own_workstream_is_the_one_to_hear(mail: Rig) -> None:
    register(mail, undertaker={"w": "mail", "shift": -SECOND})
    send(mail, "dear", cost=4)
    mail.advance(1)
    for job in ("a", "b"):
        send(mail, job)
    mail.publish("2", mail={"rate": "3/s"}, text=None)
    # The order comes before what is just being taken, and takes no other's place.
    assert mail.ask("s2", "mail", 1).ids == ["a"]
    assert mail.state("mail", "dear") == "dead"
    assert mail.ask("s2", "mail", 5).ids == ["dear:dead~0", "b"]


def test_each_death_of_a_job_is_told_though_it_was_not_delivered_again(mail: Rig) -> None:
    send(mail, "dear", cost=4)
    mail.publish("2", mail={"rate": "3/s"}, text=None)
    mail.ask("s2", "mail")
    again = mail.scripts.run(
        "job_retry", {"workstream": "mail", "request": "r", "epoch": "", "fresh": "f"}, ["dear", "{}", "{}"]
    )
    assert again == [b"dead"]
    later = mail.advance(1)
    mail.ask("s2", "mail")
    assert mail.ask("s2", "text", 5).ids == ["dear:dead~0", f"dear:dead~0~{later}"]


def test_a_repeated_call_tells_nothing_twice(mail: Rig) -> None:
    send(mail)
    given = mail.ask("s2", "mail").grants[0]
    call = mail.call("s2", {}, [given.end("dead")])
    assert mail.exchange(call) == mail.exchange(call)
    assert mail.ask("s2", "text", 5).ids == ["j:dead~1"]


@pytest.mark.parametrize("body", ["half a bo", "[]", "", "{}"])
def test_a_payload_that_cannot_be_read_is_told_of_by_its_id(mail: Rig, body: str) -> None:
    send(mail)
    mail.client.hset(mail.keys.workstream("mail", "job", "j"), mapping={"body": body, "options": "no JSON"})
    mail.tell("s2", mail.ask("s2", "mail").grants[0].end("dead", err="no JSON"))
    dead, death = message(mail, "j:dead~1")
    assert (dead["message_id"], dead["actor_name"], dead["queue_name"]) == ("j", "act", "mail")
    assert (dead["args"], dead["kwargs"], dead["options"]) == ([], {}, {})
    assert death == {"retries": 0, "max_retries": 3}


def test_what_stands_in_the_way_of_telling_stops_nobodys_call(mail: Rig) -> None:
    mail.client.delete(mail.keys.actors)
    mail.client.set(mail.keys.actors, "another program's")
    send(mail)
    answer = mail.tell("s2", mail.ask("s2", "mail").grants[0].end("dead"))
    assert answer.refused == ()
    assert mail.state("mail", "j") == "dead"
    assert ("on_dead_failed", "j") in mail.events("mail")


def test_a_death_beyond_the_count_that_is_kept_is_told_all_the_same(mail: Rig) -> None:
    mail.client.hset(mail.keys.workstream("mail", "settings"), "dead_count", 0)
    send(mail)
    mail.tell("s2", mail.ask("s2", "mail").grants[0].end("dead"))
    assert mail.state("mail", "j") == "gone"
    assert message(mail, "j:dead~1")[0]["message_id"] == "j"
