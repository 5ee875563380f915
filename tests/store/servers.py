"""Servers that behave as a test needs them to."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from workstreams.store.embedded.locate import find_engine
from workstreams.store.embedded.probe import greeting


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Look until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)  # between two looks at a condition


@contextlib.contextmanager
def real_server(folder: Path, *settings: str) -> Iterator[Path]:
    """A real server with settings of the test's own; yields its socket."""
    path = folder / "t.sock"
    command = [str(find_engine().path), "--port", "0", "--unixsocket", str(path), "--dir", str(folder)]
    process = subprocess.Popen([*command, *settings], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: greeting(path, 1.0))
        yield path
    finally:
        process.kill()
        process.wait()


class BadServer:
    """Listens on a port, lets clients in if told to, counts their PINGs and never answers one."""

    def __init__(self, welcome: bytes | None, *, hang_up: bool = False) -> None:
        self.pings = 0
        self._welcome, self._hang_up = welcome, hang_up
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._links: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._socket.accept()
                self._links.append(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := link.recv(65536):
                if b"PING" in received:
                    self.pings += 1
                    if self._hang_up:
                        link.shutdown(socket.SHUT_RDWR)
                elif self._welcome is not None:
                    link.sendall(self._welcome * received.count(b"*"))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for link in self._links:
            link.close()
        self._thread.join()


@contextlib.contextmanager
def bad_server(welcome: bytes | None, *, hang_up: bool = False) -> Iterator[BadServer]:
    """A server that is no good, until the end of the block."""
    server = BadServer(welcome, hang_up=hang_up)
    try:
        yield server
    finally:
        server.close()
