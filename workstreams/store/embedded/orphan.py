"""Makes sure that no server is left on a state folder before another is started there."""

from __future__ import annotations

import os
import signal
import time

import psutil

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.folder import StateFolder
from workstreams.store.embedded.lock import holder, try_lock

__all__ = ["clear_orphan"]

#: Seconds in which a server that was asked to stop must be gone.
GRACE = 10.0
_POLL = 0.005


def clear_orphan(folder: StateFolder, grace: float = GRACE) -> int:
    """Stop the server that an owner left behind when it was killed, and take its lock.

    The orphan is stopped rather than kept: its successor is our child, dies with us, and runs
    with the settings of this version. What it has acknowledged is in its append-only file.

    Parameters:
      folder: The state folder, of which the caller is the owner.
      grace: Seconds for a polite stop; as long again for a forced one.

    Returns:
      The descriptor of the server lock, for the next server to carry.

    Raises:
      RedisUnavailable: When the lock is still held after all that.
      OSError: When the lock file cannot be opened.
    """
    for request in (signal.SIGTERM, signal.SIGKILL):
        descriptor = try_lock(folder.server_lock)
        deadline = time.monotonic() + grace
        asked = False
        while descriptor is None and time.monotonic() < deadline:
            asked = asked or _ask(folder, request)
            time.sleep(_POLL)  # a lock of another process tells nobody when it is free
            descriptor = try_lock(folder.server_lock)
        if descriptor is not None:
            return descriptor
    raise RedisUnavailable(
        f"expected no server on {folder.path}, found process {holder(folder.server_lock) or '(unknown)'} "
        "still at work there: stop it, or set another state_dir"
    )


def _ask(folder: StateFolder, request: signal.Signals) -> bool:
    """Send the signal, if the holder is a server of this very folder."""
    pid = holder(folder.server_lock)
    if pid is None or not _serves(pid, folder):
        return False
    try:
        # The server leads its group, in which the child that rewrites its file is as well.
        (os.killpg if request is signal.SIGKILL else os.kill)(pid, request)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _serves(pid: int, folder: StateFolder) -> bool:
    # The number was written in another container if the folder is shared, and means another process here.
    try:
        return str(folder.path) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
