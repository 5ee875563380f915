from __future__ import annotations

import socket
from pathlib import Path

import pytest
import redis

from workstreams.errors import NothingRunsHere
from workstreams.store.embedded import EmbeddedServer, attach


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NothingRunsHere, match=r"expected .* found none: start it with `workstreams up`"):
        attach(tmp_path / "never")


def test_a_server_that_is_up_is_found_and_one_that_stopped_is_not(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        assert attach(tmp_path) == server.url
        assert redis.Redis.from_url(attach(tmp_path)).ping()
    with pytest.raises(NothingRunsHere):
        attach(tmp_path)


def test_the_socket_of_a_dead_server_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    (tmp_path / "socket").write_text(f"{path}\n")
    with pytest.raises(NothingRunsHere):
        attach(tmp_path)


def test_looking_for_a_server_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(NothingRunsHere):
        attach(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_found_through_a_folder_with_spaces_and_signs(tmp_path: Path) -> None:
    folder = tmp_path / 'my "own" state?#%20é'
    with EmbeddedServer(folder) as server:
        assert redis.Redis.from_url(attach(folder)).ping()
        assert server.url == attach(folder)
