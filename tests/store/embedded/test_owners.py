"""A server has one owner, ends with it, and loses nothing that was acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.embedded.processes import connect, runs, servers_of
from tests.store.servers import wait_until
from workstreams.errors import RedisUnavailable
from workstreams.store.embedded import EmbeddedServer, attach

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
