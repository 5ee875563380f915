from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.store.servers import wait_until
from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.folder import StateFolder
from workstreams.store.embedded.lock import try_lock
from workstreams.store.embedded.orphan import clear_orphan

#: Carries the lock and says so; the folder is among its arguments, as among a server's.
CARRIER = """
import os, signal, sys
descriptor, pid, stubborn = map(int, sys.argv[2:])
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.pwrite(descriptor, b"%d\\n" % (pid or os.getpid()), 0)
print("ready", flush=True)
signal.pause()
"""


@contextmanager
def carrier(folder: StateFolder, *, named: str, pid: int = 0, stubborn: bool = False) -> Iterator[int]:
    """A process that holds the server lock of a folder, and writes a number into it."""
    descriptor = try_lock(folder.server_lock)
    assert descriptor is not None
    command = [sys.executable, "-c", CARRIER, named, str(descriptor), str(pid), str(int(stubborn))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[descriptor], start_new_session=True)
    os.close(descriptor)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


def test_without_an_orphan_the_lock_is_given_at_once(folder: StateFolder) -> None:
    (folder.path / "server.lock").write_text(f"{os.getpid()}\n")
    descriptor = clear_orphan(folder, grace=0.0)
    assert try_lock(folder.server_lock) is None
    os.close(descriptor)


@pytest.mark.parametrize("stubborn", [False, True])
def test_an_orphan_is_stopped_by_force_if_need_be(folder: StateFolder, stubborn: bool) -> None:
    with carrier(folder, named=str(folder.path), stubborn=stubborn) as pid:
        os.close(clear_orphan(folder, grace=0.3 if stubborn else 10))
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_only_shares_the_number_is_left_alone(folder: StateFolder) -> None:
    with carrier(folder, named="another folder") as pid:
        with pytest.raises(RedisUnavailable, match=f"found process {pid} still at work"):
            clear_orphan(folder, grace=0.05)
        assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_number_that_nobody_has_is_waited_for_and_then_told(folder: StateFolder) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with (
        carrier(folder, named=str(folder.path), pid=gone.pid),
        pytest.raises(RedisUnavailable, match="stop it"),
    ):
        clear_orphan(folder, grace=0.05)


def test_an_orphan_that_ends_by_itself_is_waited_for(folder: StateFolder) -> None:
    with carrier(folder, named="another folder") as pid:
        killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
        killer.start()
        os.close(clear_orphan(folder))
        killer.join()
