"""Locks on the state folder: one for its owner, one that the server itself carries.

A second server on one folder starts without an error and shares the append-only file with
the first, so nothing but a lock of ours keeps them apart. The kernel drops a lock with its
last holder, which no file with a process id in it can promise.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from workstreams.errors import RedisUnavailable

__all__ = ["OwnerLock", "holder", "try_lock"]


def try_lock(path: Path) -> int | None:
    """Lock a file, creating it, without waiting.

    Returns:
      The open file descriptor, or None when somebody else holds the lock.

    Raises:
      OSError: When the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def holder(path: Path) -> int | None:
    """The process id written in a lock file, or None; it tells nothing when the lock is free."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


class OwnerLock:
    """Held by the one process that runs the embedded server of a state folder.

    Parameters:
      folder: The state folder, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Become the owner.

        Raises:
          RedisUnavailable: When another process, or another object of this one, is.
          OSError: When the lock file cannot be written.
        """
        descriptor = try_lock(self._path)
        if descriptor is None:
            raise RedisUnavailable(
                f"expected to own the embedded server of {self._folder}, "
                f"found it owned by process {holder(self._path) or '(unknown)'}: "
                "stop that one first, or use another state_dir"
            )
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Stop being the owner; the file stays, because removing it would race with the next one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
