"""A way to Redis on which single replies get lost, without the connection being broken."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from workstreams.store.library import library

__all__ = ["Swallowing", "swallowing"]


class Swallowing:
    """Passes everything on between a port and a unix socket, but for what it is told to swallow."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._door.getsockname()[1]}/0"
        #: How many replies were swallowed.
        self.swallowed = 0
        self._mark, self._left = b"", 0
        self._links: list[socket.socket] = []
        self._deaf: list[threading.Event] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self, operation: str, times: int = 1) -> None:
        """Lose the replies to the next calls of a script, and all that would follow on those connections."""
        self._mark = library().function(operation).encode()
        self._left = times

    def silence(self) -> None:
        """Let nothing more come back on the connections that are open now."""
        for deaf in self._deaf:
            deaf.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._links += [near, far]
                deaf = threading.Event()
                self._deaf.append(deaf)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(*ends, deaf), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, deaf: threading.Event) -> None:
        asks = source.family == socket.AF_INET
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if asks and self._left and self._mark in data:
                    self._left -= 1
                    self.swallowed += 1
                    deaf.set()
                if asks or not deaf.is_set():
                    target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break everything off."""
        for one in (self._door, *self._links):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def swallowing(server_url: str) -> Iterator[Swallowing]:
    """Such a way to a server on a unix socket, until the end of the block."""
    one = Swallowing(server_url.removeprefix("unix://"))
    try:
        yield one
    finally:
        one.close()
