from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.connection import UnixDomainSocketConnection

from tests.store.servers import bad_server
from tests.support import wait_until
from workstreams.store import swift as module
from workstreams.store.address import server_options
from workstreams.store.client import producer_client
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.swift import SwiftClient


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with producer_client(server.url) as made:
        yield made


def made(client: redis.Redis) -> int:
    return client.connection_pool._created_connections


def test_one_thread_uses_one_connection_whatever_the_replies_say(client: redis.Redis) -> None:
    client.set("word", "x")
    for _ in range(5):
        with pytest.raises(redis.ResponseError):
            client.incr("word")
        assert client.get("word") == b"x"
    assert made(client) == 1


def test_threads_at_once_have_a_connection_each(client: redis.Redis) -> None:
    together = threading.Barrier(4)

    def wait() -> None:
        together.wait(10)
        client.blpop(["nothing"], timeout=0.3)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made(client) == 4


def test_words_of_every_kind_and_commands_of_two_words_travel(client: redis.Redis) -> None:
    client.rpush("words", "é", b"\xff", 3, 0.5, memoryview(b"view"))
    assert client.lrange("words", 0, -1) == ["é".encode(), b"\xff", b"3", b"0.5", b"view"]
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    with pytest.raises(redis.DataError):
        client.rpush("words", object())  # type: ignore[arg-type]  # wrong on purpose


def test_a_reply_that_was_not_read_answers_no_other_command(client: redis.Redis) -> None:
    class Interrupt(BaseException):
        pass

    def interrupted(*_: Any, **__: Any) -> None:
        raise Interrupt

    client.set("a", "of a")
    client.set("b", "of b")
    client.parse_response = interrupted  # type: ignore[method-assign]  # on the object, on purpose
    with pytest.raises(Interrupt):
        client.get("a")
    del client.parse_response
    assert client.get("b") == b"of b"


def test_a_late_reply_answers_no_other_command() -> None:
    with bad_server(b"+OK\r\n") as late:
        options = server_options(f"redis://127.0.0.1:{late.port}") | {"socket_timeout": 0.1, "protocol": 2}
        client = SwiftClient.from_pool(redis.ConnectionPool(**options))
        assert client.set("a", "b")
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert client.set("a", "b")


def test_a_connection_that_rested_is_looked_at_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTED", 0.0)
    with EmbeddedServer(tmp_path) as server:
        # It sends nothing twice, so it must not find out by failing.
        options = server_options(server.url) | {"connection_class": UnixDomainSocketConnection, "retry": None}
        client = SwiftClient.from_pool(redis.ConnectionPool(**options))
        client.set("a", "b")
        server.stop()
        server.start()
        assert client.get("a") == b"b"


def test_a_process_that_was_forked_has_connections_of_its_own(client: redis.Redis) -> None:
    mine = client.client_id()
    child = os.fork()
    if child == 0:
        os._exit(0 if client.client_id() != mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.client_id() == mine


def test_a_closed_client_leaves_no_connection_open_and_may_be_used_again(server: EmbeddedServer) -> None:
    client, watcher = producer_client(server.url), producer_client(server.url)
    mine = client.client_id()
    client.close()
    deadline = time.monotonic() + 10
    while mine in {int(one["id"]) for one in watcher.client_list()}:
        assert time.monotonic() < deadline
    assert client.ping()


def test_what_is_asked_through_one_connection_goes_through_that_one(client: redis.Redis) -> None:
    with client.client() as single:
        assert len({single.client_id() for _ in range(3)}) == 1
    with client.pipeline(transaction=True) as pipe:
        assert pipe.set("a", 1).incr("a").execute() == [True, 2]


def test_idle_connections_are_dropped_and_not_the_one_that_another_thread_reads_from(
    server: EmbeddedServer, client: redis.Redis
) -> None:
    def ids() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        with redis.Redis.from_pool(redis.ConnectionPool(**server_options(server.url))) as other:
            for one in other.client_list():
                found.setdefault(one["cmd"], set()).add(one["id"])
        return found

    popped: list[Any] = []
    reader = threading.Thread(target=lambda: popped.append(client.blpop(["awaited"], timeout=20)))
    reader.start()
    wait_until(lambda: "blpop" in ids())
    client.echo("idle")
    before = ids()
    module.drop_idle(client)
    wait_until(lambda: not before["echo"] & ids().get("echo", set()))
    assert ids()["blpop"] == before["blpop"]
    client.rpush("awaited", "x")
    reader.join(10)
    assert popped == [(b"awaited", b"x")]
