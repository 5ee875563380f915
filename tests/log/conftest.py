"""Servers and clients of the log's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.log.servers import Server


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """A running, empty server that must not be stopped."""
    with shared_server.client() as client:
        client.flushall()
    return shared_server


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A running server that the test may stop and start."""
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client
