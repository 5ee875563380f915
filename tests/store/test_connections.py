from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import redis
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.sentinel import Sentinel

from tests.interrupting import interrupted
from tests.store.servers import real_server
from workstreams.store.client import lease_client, listener_client, producer_client, worker_client
from workstreams.store.connections import whole


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
    with real_server(tmp_path_factory.mktemp("state"), "--port", str(found)):
        yield found


@pytest.fixture
def guarded(port: int, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    """A client that comes to its server by way of a Sentinel."""
    monkeypatch.setattr(Sentinel, "discover_master", lambda *_: ("127.0.0.1", port))
    return producer_client("redis+sentinel://127.0.0.1:1/main/0")


def of_a_connection(code: CodeType) -> bool:
    """Whether it is what redis-py does with a connection that has been made."""
    return "redis/connection" in code.co_filename and not code.co_name.startswith("__")


def test_a_handshake_that_was_interrupted_anywhere_leaves_no_connection_half_made(port: int) -> None:
    url = f"redis://127.0.0.1:{port}/3"
    producer_client(url).set("a", "in database 3")
    line, client = 1, producer_client(url)
    while interrupted(partial(client.get, "a"), line, of_a_connection):
        assert client.get("a") == b"in database 3", f"after an interrupt at line {line}"
        line, client = line + 1, producer_client(url)
    assert line > 100


def test_a_late_reply_answers_no_other_command_behind_a_sentinel(port: int, guarded: redis.Redis) -> None:
    guarded.connection_pool.connection_kwargs["socket_timeout"] = 0.2
    guarded.mset({"a": "of a", "b": "of b"})
    producer_client(f"redis://127.0.0.1:{port}").execute_command("CLIENT", "PAUSE", 600, "ALL")
    with pytest.raises(redis.TimeoutError):
        guarded.get("a")
    answers: list[Any] = []
    while not answers:
        with contextlib.suppress(redis.TimeoutError):
            answers.append(guarded.get("b"))
    assert answers == [b"of b"]


@pytest.mark.parametrize("scheme", ["redis://h", "rediss://h", "unix:///s", "redis+sentinel://h/main"])
def test_every_client_has_connections_that_are_whole_or_closed(scheme: str) -> None:
    for client in (
        producer_client(scheme),
        worker_client(scheme),
        listener_client(scheme),
        lease_client(scheme, 15_000_000),
    ):
        assert client.connection_pool.connection_class.__name__.startswith("Whole")


def test_a_whole_connection_is_still_of_its_kind(tmp_path: Path) -> None:
    assert issubclass(whole(SSLConnection), SSLConnection)
    with real_server(tmp_path) as path:
        pool = redis.ConnectionPool(connection_class=whole(UnixDomainSocketConnection), path=str(path))
        assert redis.Redis.from_pool(pool).ping()
