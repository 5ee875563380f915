from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import redis

from tests.store.servers import bad_server, wait_until
from workstreams.errors import ConfigError, RedisUnavailable
from workstreams.store.client import (
    LISTENER_REPLY,
    lease_client,
    listener_client,
    ping,
    producer_client,
    worker_client,
)
from workstreams.store.embedded import EmbeddedServer

Maker = Callable[[str], redis.Redis]
CLIENTS: list[Maker] = [producer_client, worker_client, listener_client]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else gets."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.mark.parametrize("make", CLIENTS)
def test_every_client_reaches_a_server_and_answers_in_bytes(server: EmbeddedServer, make: Maker) -> None:
    client = make(server.url)
    ping(client)
    client.set("a", "b")
    assert client.get("a") == b"b"


@pytest.mark.parametrize(
    ("make", "connect", "reply", "resends"),
    [
        (producer_client, 1, 2, 2),
        (worker_client, 2, 3, 8),
        (listener_client, 2, LISTENER_REPLY, 4),
        (partial(lease_client, lease=15_000_000), 2.0, 2.0, 0),
        (partial(lease_client, lease=1_000_000), 0.3, 0.3, 0),
        (partial(lease_client, lease=60_000_000), 2, 2, 0),
    ],
)
def test_each_kind_of_client_has_its_own_patience(
    make: Maker, connect: float, reply: float, resends: int
) -> None:
    options = make("redis://127.0.0.1").connection_pool.connection_kwargs
    assert options["socket_connect_timeout"] == connect
    assert options["socket_timeout"] == reply
    assert options["retry"].get_retries() == resends


def test_making_a_client_connects_to_nothing() -> None:
    with bad_server(None) as silent:
        client = producer_client(f"redis://127.0.0.1:{silent.port}")
        assert client.connection_pool._created_connections == 0


def test_a_closed_port_is_told_at_once() -> None:
    with closed_port() as port:
        begin = time.monotonic()
        with pytest.raises(RedisUnavailable, match="refused") as caught:
            ping(producer_client(f"redis://:s3cret@127.0.0.1:{port}/3"))
    assert time.monotonic() - begin < 2
    assert f"redis://127.0.0.1:{port}/3" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_silent_server_costs_a_producer_one_timeout_and_gets_one_command() -> None:
    with bad_server(None) as at_the_door, bad_server(b"+OK\r\n") as later, ThreadPoolExecutor() as pool:
        begin = time.monotonic()
        clients = [producer_client(f"redis://:s3cret@127.0.0.1:{it.port}") for it in (at_the_door, later)]
        errors = [attempt.exception() for attempt in [pool.submit(ping, client) for client in clients]]
        assert time.monotonic() - begin < 4
        assert later.pings == 1
    for error in errors:
        assert isinstance(error, RedisUnavailable)
        assert "answer in time" in str(error)
        assert "s3cret" not in str(error)


def test_a_command_on_breaking_connections_is_sent_three_times_and_no_more() -> None:
    with bad_server(b"+OK\r\n", hang_up=True) as broken:
        with pytest.raises(RedisUnavailable):
            ping(producer_client(f"redis://127.0.0.1:{broken.port}"))
        assert broken.pings == 3


def test_something_that_is_not_redis_is_told_as_that() -> None:
    with bad_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as page:
        with pytest.raises(RedisUnavailable) as caught:
            ping(producer_client(f"redis://127.0.0.1:{page.port}"))
        assert str(page.port) in str(caught.value)


def test_a_missing_socket_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(RedisUnavailable, match=f"{tmp_path}/none.sock"):
        ping(producer_client(f"unix://{tmp_path}/none.sock"))


def test_sentinels_that_do_not_answer_are_told_without_a_page_of_settings() -> None:
    with closed_port() as port, pytest.raises(RedisUnavailable, match="no Sentinel") as caught:
        ping(producer_client(f"redis+sentinel://:s3cret@127.0.0.1:{port}/main/0"))
    assert len(str(caught.value)) < 250
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("make", CLIENTS)
def test_a_cluster_is_refused_before_anything_is_sent(make: Maker) -> None:
    with pytest.raises(ConfigError, match="this version does not speak to a Cluster"):
        make("redis+cluster://127.0.0.1:7000")


def test_a_worker_does_not_notice_a_restart_of_the_server(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        client = worker_client(server.url)
        client.set("a", "b")
        server.stop()
        again = threading.Timer(0.1, server.start)
        again.start()
        assert client.get("a") == b"b"
        again.join()


def test_a_worker_goes_on_trying_for_longer_than_a_restart_takes() -> None:
    with closed_port() as port:
        client = worker_client(f"redis://127.0.0.1:{port}")
        began = time.monotonic()
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        assert time.monotonic() - began > 0.8


def test_a_listener_hears_what_is_published(server: EmbeddedServer) -> None:
    with listener_client(server.url).pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("c")
        publisher = producer_client(server.url)
        wait_until(lambda: publisher.publish("c", "x") or heard.get_message())
        message = heard.get_message(timeout=2) or heard.get_message(timeout=2)
        assert message is not None
        assert message["data"] == b"x"


def test_threads_may_share_a_client(server: EmbeddedServer) -> None:
    client = producer_client(server.url)
    threads = [threading.Thread(target=lambda: [client.incr("shared") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("shared") == b"200"
