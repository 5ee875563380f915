from __future__ import annotations

import socket
from pathlib import Path

from tests.store.servers import wait_until
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.embedded.probe import accepts, dismiss, greeting


def test_a_server_is_heard(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        assert greeting(tmp_path / "redis.sock", 1.0).startswith(b"+PONG")
        assert accepts(tmp_path / "redis.sock")


def test_nobody_is_not_heard(tmp_path: Path) -> None:
    assert greeting(tmp_path / "none", 1.0) == b""
    assert not accepts(tmp_path / "none")
    assert not accepts(tmp_path / "none" / "deeper")


def test_a_server_that_is_too_busy_to_answer_still_counts_as_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(tmp_path / "s"))
        busy.listen(0)
        links = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for link in links:
            link.setblocking(False)
            link.connect_ex(str(tmp_path / "s"))
        assert accepts(tmp_path / "s")
        assert greeting(tmp_path / "s", 0.05) == b""
        for link in links:
            link.close()


def test_a_dismissed_server_goes_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        dismiss(tmp_path / "redis.sock")
        wait_until(lambda: not server.alive())
    dismiss(tmp_path / "redis.sock")
