from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.store.embedded.processes import connect, runs, servers_of
from tests.store.servers import wait_until
from workstreams.errors import RedisUnavailable
from workstreams.store.embedded import EmbeddedServer, attach, folder


def test_it_keeps_its_data_over_a_stop_and_a_start(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        connect(server).set("a", "b")
        epoch, url = server.epoch, server.url
    assert not server.alive()
    assert server.pid is None
    with EmbeddedServer(tmp_path) as server:
        assert connect(server).get("a") == b"b"
        assert server.epoch == epoch
        assert server.url == url


def test_data_that_was_thrown_away_is_another_epoch(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        epoch = server.epoch
    shutil.rmtree(tmp_path / "appendonlydir")
    with EmbeddedServer(tmp_path) as server:
        assert server.epoch != epoch


def test_nobody_else_may_open_its_socket_and_no_port_is_open(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        assert (tmp_path / "redis.sock").stat().st_mode & 0o777 == 0o700
        assert server.pid is not None
        assert psutil.Process(server.pid).net_connections("inet") == []


def test_it_does_not_hear_the_ctrl_c_of_its_owner(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) != os.getsid(0)


def test_a_killed_server_comes_back_with_its_data(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        connect(server).set("a", "b")
        assert server.ensure_running() is False
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.alive())
        assert server.ensure_running() is True
        assert connect(server).get("a") == b"b"
        assert attach(tmp_path) == server.url


def test_a_server_that_lost_its_socket_is_restarted(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        (tmp_path / "redis.sock").unlink()
        assert server.ensure_running() is True
        assert connect(server).ping()


def test_a_server_killed_while_it_rewrites_its_file_comes_back_at_once(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        client = connect(server)
        client.mset({f"k{number}": "v" for number in range(100)})
        client.config_set("rdb-key-save-delay", 1_000_000)
        client.bgrewriteaof()
        assert server.pid is not None
        leader = psutil.Process(server.pid)
        wait_until(leader.children)
        (rewriter,) = leader.children()
        leader.kill()
        wait_until(lambda: not server.alive())
        assert server.ensure_running() is True
        assert not runs(rewriter.pid)
        assert connect(server).dbsize() == 100


def test_a_stopped_server_stays_stopped(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    assert server.ensure_running() is False
    server.start()
    server.stop()
    server.stop()
    assert server.ensure_running() is False
    assert servers_of(tmp_path) == []


def test_a_server_that_does_not_react_is_killed_after_the_grace(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        assert server.pid is not None
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        server.stop(grace=0.1)
        assert not runs(pid)


def test_a_socket_and_a_number_left_by_the_dead_are_no_hindrance(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "redis.sock"))
    (tmp_path / "server.lock").write_text(f"{os.getpid()}\n")
    with EmbeddedServer(tmp_path) as server:
        assert connect(server).ping()


def test_a_folder_too_long_for_a_socket_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 150)
    # One with a short name, which pytest's own have not.
    short = tempfile.TemporaryDirectory(prefix="ws")
    monkeypatch.setattr(tempfile, "tempdir", short.name)
    with short, EmbeddedServer(folder) as server:
        monkeypatch.setattr(tempfile, "tempdir", "/somewhere/else")
        assert attach(folder) == server.url
        assert connect(server).ping()


def test_a_relative_folder_survives_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = EmbeddedServer(Path("state"))
    monkeypatch.chdir("/")
    with server:
        assert attach(tmp_path / "state") == server.url


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    for place in (tmp_path / "state", tmp_path / "state" / "deeper"):
        with pytest.raises(RedisUnavailable, match="expected to keep the embedded server's files in"):
            EmbeddedServer(place).start()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o500)
    with pytest.raises(RedisUnavailable, match="Permission denied"):
        EmbeddedServer(tmp_path / "state").start()


def test_a_server_that_dies_at_its_start_leaves_its_last_words_in_the_error(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        connect(server).set("a", "b")
    (log,) = tmp_path.glob("appendonlydir/*.incr.aof")
    log.write_bytes(b"this is no data\n" * 100)
    server = EmbeddedServer(tmp_path)
    with pytest.raises(RedisUnavailable, match=r'\("Bad file format reading the append only file'):
        server.start()
    assert not server.alive()
    log.unlink()
    shutil.rmtree(log.parent)
    server.start()
    server.stop()


def test_the_data_of_a_newer_engine_is_not_opened(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        pass
    (tmp_path / "engine").write_text("valkey 99.0.0\n")
    with pytest.raises(RedisUnavailable, match=r"expected valkey 99.0.0 or newer"):
        EmbeddedServer(tmp_path).start()
    assert (tmp_path / "engine").read_text() == "valkey 99.0.0\n"


def test_data_that_is_gone_at_a_start_leaves_its_epoch_behind(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        first = server.epoch
        assert server.lost_epoch == "", "a first start has lost nothing"
    with EmbeddedServer(tmp_path) as server:
        assert (server.epoch, server.lost_epoch) == (first, "")
    shutil.rmtree(tmp_path / "appendonlydir")
    with EmbeddedServer(tmp_path) as server:
        assert server.lost_epoch == first
        assert server.epoch != first


def test_its_log_is_put_aside_when_it_has_grown_long_and_goes_on_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, older = tmp_path / "server.log", tmp_path / "server.log.old"
    with EmbeddedServer(tmp_path) as server:
        said = log.read_bytes()
        assert not server.ensure_running()
        assert not older.exists()
        monkeypatch.setattr(folder, "MOST_LOGGED", len(said) - 1)
        assert not server.ensure_running()
        assert older.read_bytes() == said
        connect(server).bgrewriteaof()
        wait_until(lambda: log.exists() and b"rewriting" in log.read_bytes())
