from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from tests.store.servers import wait_until
from workstreams.errors import RedisUnavailable
from workstreams.store.embedded import EmbeddedServer, attach, folder

#: Owns a server, counts in it, and prints each number that was acknowledged.
OWNER = """
import sys, threading, pathlib, redis
from workstreams.store.embedded import EmbeddedServer
server = EmbeddedServer(pathlib.Path(sys.argv[1]))
if sys.argv[2] == "main":
    server.start()
else:
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
client = redis.Redis.from_url(server.url)
print(server.pid, flush=True)
while True:
    print(client.incr("n"), flush=True)
"""


def connect(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def servers_of(folder: Path) -> list[int]:
    words = {item.pid: item.info["cmdline"] or () for item in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in words.items() if {"--dir", str(folder)} <= set(line) and runs(pid)]


@contextmanager
def owner(folder: Path, thread: str = "main") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that owns the server; yields it and the number of its server."""
    words = [sys.executable, "-c", OWNER, str(folder), thread]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        try:
            yield process, pid
        finally:
            process.kill()
            process.stdout.read()
            if runs(pid):
                os.kill(pid, signal.SIGKILL)


def kill_while_it_counts(process: subprocess.Popen[str]) -> int:
    """Kill -9 after some numbers; returns the last one that was acknowledged."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(200)]
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    return int([line for line in lines if line.endswith("\n")][-1])


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


def test_a_second_owner_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, pid):
        with pytest.raises(RedisUnavailable, match=f"found it owned by process {process.pid}: "):
            EmbeddedServer(tmp_path).start()
        assert servers_of(tmp_path) == [pid]
        assert attach(tmp_path)


def test_a_second_object_in_one_process_is_a_second_owner(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(RedisUnavailable, match=f"owned by process {os.getpid()}"):
            EmbeddedServer(tmp_path).start()
        server.start()
        assert server.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_server_ends_with_its_killed_owner_and_every_acknowledged_write_is_kept(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, pid):
        acknowledged = kill_while_it_counts(process)
        wait_until(lambda: not runs(pid))
    with EmbeddedServer(tmp_path) as server:
        assert int(connect(server).get("n") or 0) >= acknowledged >= 200


def test_a_server_that_outlives_its_owner_is_replaced_with_every_acknowledged_write(tmp_path: Path) -> None:
    with owner(tmp_path, thread="another") as (process, pid):
        acknowledged = kill_while_it_counts(process)
        assert runs(pid)
        with EmbeddedServer(tmp_path) as server:
            assert servers_of(tmp_path) == [server.pid]
            assert not runs(pid)
            assert int(connect(server).get("n") or 0) >= acknowledged >= 200


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


def test_of_many_starts_at_once_one_wins(tmp_path: Path) -> None:
    rivals = [EmbeddedServer(tmp_path) for _ in range(4)]
    lost: list[Exception] = []

    def start(rival: EmbeddedServer) -> None:
        try:
            rival.start()
        except RedisUnavailable as error:
            lost.append(error)

    threads = [threading.Thread(target=start, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(lost) == 3
        assert len(servers_of(tmp_path)) == 1
    finally:
        for rival in rivals:
            rival.stop()


def test_data_that_is_gone_at_a_start_leaves_its_epoch_behind(tmp_path: Path) -> None:
    import shutil

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
