"""Speaks to the server behind a unix socket without a client: is it there, shall it go."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

__all__ = ["accepts", "dismiss", "greeting"]


def greeting(path: Path, timeout: float) -> bytes:
    """What the server says to PING.

    Parameters:
      path: The unix socket.
      timeout: Seconds to wait for the connection and for the reply.

    Returns:
      The first line (``+PONG``, ``-LOADING …``), or nothing when there is no server or no reply.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout)
        try:
            link.connect(str(path))
            link.sendall(b"PING\r\n")
            return link.recv(1024)
        except OSError:
            return b""


def dismiss(path: Path) -> None:
    """Ask a server to stop, without waiting for it; no one may be there.

    It flushes its append-only file first. On SIGTERM alone it would do so up to 0.1 s later.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link, contextlib.suppress(OSError):
        link.setblocking(False)
        link.connect(str(path))
        link.sendall(b"SHUTDOWN NOSAVE\r\n")


def accepts(path: Path) -> bool:
    """Whether a server listens there, even one that is too busy to answer.

    Raises:
      OSError: When the socket may not be used, or its path is impossible.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.setblocking(False)
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except BlockingIOError:  # its queue of connections is full
            return True
    return True
