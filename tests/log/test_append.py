from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import redis

from tests.log.servers import KEYS, log_key
from workstreams.log.append import Appender, Retention
from workstreams.log.buffer import Waiting

DAY = 86_400_000_000


@dataclasses.dataclass(frozen=True)
class Kept:
    age: int = 7 * DAY
    size: int = 64 * 2**20


def appender(client: redis.Redis, limits: Mapping[str, Retention] | None = None) -> Appender:
    return Appender(client, KEYS, limits or {}, {})


def lines(count: int, job: str = "j1", size: int = 10) -> list[Waiting]:
    return [Waiting(job, b'{"event":"%d","x":"%s"}' % (number, b"x" * size)) for number in range(count)]


def send(appender: Appender, batch: dict[str, list[Waiting]]) -> None:
    appender.begin(batch)
    while appender.pending:
        appender.attempt()


def test_lines_stand_in_the_stream_and_their_ids_in_the_index_of_their_job(client: redis.Redis) -> None:
    send(appender(client), {"mail": [*lines(2), Waiting("", b"{}"), *lines(1, "j2")]})
    stream: Any = client.xrange(log_key("mail"))
    assert [fields[b"j"] for _, fields in stream] == [b"j1", b"j1", b"", b"j2"]
    assert stream[0][1][b"o"].startswith(b'{"event":"0"')
    index: Any = client.lrange(KEYS.workstream("mail", "lines", "j1"), 0, -1)
    assert index == [stream[0][0], stream[1][0]]
    assert client.lrange(KEYS.workstream("mail", "lines", "j2"), 0, -1) == [stream[3][0]]


def test_a_line_of_no_workstream_goes_to_the_stream_of_the_app(client: redis.Redis) -> None:
    send(appender(client), {"": lines(1, "")})
    assert client.xlen(KEYS.log) == 1
    assert sorted(client.keys("*lines*")) == []


def test_a_call_that_is_sent_twice_appends_once(client: redis.Redis) -> None:
    subject = appender(client)
    subject.begin({"mail": lines(3)})
    again = dataclasses.replace(subject._calls[0])
    while subject.pending:
        subject.attempt()
    subject._calls = [again]
    assert subject.attempt() == []
    assert subject.pending == 0
    assert client.xlen(log_key("mail")) == 3


def test_a_server_that_forgot_its_functions_is_given_them_again(client: redis.Redis) -> None:
    subject = appender(client)
    send(subject, {"mail": lines(1)})
    client.function_flush()
    send(subject, {"mail": lines(1)})
    assert client.xlen(log_key("mail")) == 2


def test_the_index_holds_the_last_thousand_ids_for_as_long_as_lines_are_kept(client: redis.Redis) -> None:
    send(appender(client, {"mail": Kept(age=DAY)}), {"mail": lines(1200)})
    index = KEYS.workstream("mail", "lines", "j1")
    assert client.llen(index) == 1000
    assert 86_000_000 < int(client.pttl(index)) <= 86_400_000
    newest: Any = client.xrevrange(log_key("mail"), count=1)
    assert client.lindex(index, -1) == newest[0][0]


def test_a_stream_stays_near_its_size_however_long_its_lines(client: redis.Redis) -> None:
    limits = {"mail": Kept(size=2**20)}
    for size in (2000, 50):
        for _ in range(8):
            send(appender(client, limits), {"mail": lines(250, size=size)})
        used = client.memory_usage(log_key("mail"))
        assert used is not None
        assert used < 1.3 * 2**20
    assert client.xlen(log_key("mail")) >= 1000


def test_a_size_below_the_least_costs_no_line_of_a_moment(client: redis.Redis) -> None:
    limits = {"mail": Kept(size=1024)}
    for _ in range(2):
        send(appender(client, limits), {"mail": lines(250, size=300)})
    assert client.xlen(log_key("mail")) == 500


def test_lines_older_than_their_age_go(client: redis.Redis) -> None:
    seconds, _ = client.time()
    for number in range(500):
        client.xadd(log_key("mail"), {"o": "{}", "j": ""}, id=f"{seconds * 1000 - 3_600_000}-{number + 1}")
    send(appender(client, {"mail": Kept(age=60_000_000)}), {"mail": lines(1)})
    assert client.xlen(log_key("mail")) <= 100


def test_a_key_of_another_type_costs_its_own_workstream_only(client: redis.Redis) -> None:
    client.set(log_key("broken"), "text")
    subject = appender(client)
    subject.begin({"broken": lines(2), "mail": lines(1)})
    refused: list[Any] = []
    while subject.pending:
        refused += subject.attempt()
    assert [(call.workstream, len(call.lines)) for call in refused] == [("broken", 2)]
    assert "WRONGTYPE" in refused[0].error
    assert client.xlen(log_key("mail")) == 1


def test_a_server_without_memory_is_waited_for(client: redis.Redis) -> None:
    send(appender(client), {"other": lines(1)})  # the operations are there
    subject = appender(client)
    subject.begin({"mail": lines(1)})
    client.config_set("maxmemory", "1")
    try:
        for _ in range(3):
            assert subject.attempt() == []
        assert subject.pending == 1
    finally:
        client.config_set("maxmemory", "0")
    assert subject.attempt() == []
    assert subject.pending == 0
    assert client.xlen(log_key("mail")) == 1
