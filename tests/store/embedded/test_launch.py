from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from workstreams.store.embedded import launch
from workstreams.store.embedded.lock import holder, try_lock


def run(lock: Path, parent: int, *command: str) -> subprocess.CompletedProcess[str]:
    descriptor = try_lock(lock)
    assert descriptor is not None
    words = [sys.executable, "-I", "-S", launch.__file__, str(descriptor), str(parent), "1", *command]
    try:
        return subprocess.run(words, pass_fds=[descriptor], capture_output=True, text=True, check=False)
    finally:
        os.close(descriptor)


def test_it_becomes_the_command_under_the_number_in_the_lock(tmp_path: Path) -> None:
    done = run(tmp_path / "lock", os.getpid(), "/bin/sh", "-c", "echo $$")
    assert done.stderr == ""
    assert int(done.stdout) == holder(tmp_path / "lock")


def test_it_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    done = run(tmp_path / "lock", os.getpid() + 1, "/bin/sh", "-c", "echo started")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "is gone" in done.stderr


def test_a_command_that_does_not_exist_is_told_in_the_last_line(tmp_path: Path) -> None:
    done = run(tmp_path / "lock", os.getpid(), str(tmp_path / "missing"))
    assert done.returncode != 0
    assert "No such file" in done.stderr.splitlines()[-1]
