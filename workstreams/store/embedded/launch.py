"""Run as a script: becomes the server, tied to the process that wanted it.

What must happen between fork and exec happens here, in a fresh single-threaded interpreter,
because a ``preexec_fn`` runs Python in a copy of a process whose other threads may hold any
lock. It costs 20 ms at a start. It imports nothing of ours, for speed.

Arguments: descriptor of the held server lock, process id of the parent, ``1`` to die with
the parent, then the binary and its arguments.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become(descriptor: int, parent: int, die_with_parent: bool, command: list[str]) -> None:
    """Write our process id into the lock we carry, and turn into the server."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    if die_with_parent and sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # A parent that was killed before prctl sends no signal any more.
    if os.getppid() != parent:
        sys.exit("the process that wanted this server is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4:])
