"""The server that is killed: what it keeps is what its setting promises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.chaos.notes import now_us
from tests.chaos.server import Server


@pytest.fixture
def folder() -> Iterator[Path]:
    # A short folder: the path of a unix socket holds 107 bytes.
    with tempfile.TemporaryDirectory(prefix="wss") as made:
        yield Path(made)


def crashed(server: Server) -> tuple[bytes | None, bytes | None]:
    """Write before and after a look, lose the power, and see what is left."""
    server.start()
    try:
        with server.client() as client:
            client.set("before", "1")
            server.look()
            since = now_us()
            client.set("after", "2")
        server.kill()
        server.forget(since)
        server.start()
        with server.client() as client:
            return client.get("before"), client.get("after")
    finally:
        server.kill()


def test_a_loss_of_power_takes_along_what_was_written_after_the_last_save(folder: Path) -> None:
    assert crashed(Server(folder, "everysec")) == (b"1", None)


def test_where_every_write_is_saved_a_loss_of_power_takes_nothing(folder: Path) -> None:
    assert crashed(Server(folder, "always")) == (b"1", b"2")


def test_a_kill_alone_loses_nothing_that_was_answered(folder: Path) -> None:
    server = Server(folder, "always")
    server.start()
    try:
        with server.client() as client:
            client.set("key", "1")
        server.kill()
        server.start()
        with server.client() as client:
            assert client.get("key") == b"1"
    finally:
        server.kill()


def test_without_memory_it_refuses_writes_until_it_has_some_again(folder: Path) -> None:
    server = Server(folder, "everysec")
    server.start()
    try:
        with server.client() as client:
            server.allow_memory(1)
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                client.set("key", "1")
            server.allow_memory(None)
            assert client.set("key", "1")
    finally:
        server.kill()
