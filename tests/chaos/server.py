"""A real Valkey or Redis on a socket of its own, which can be killed and started again with its data."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import redis

from workstreams.store.embedded.locate import find_engine

__all__ = ["Server"]

#: Seconds for a start, which reads the whole log of writes.
PATIENCE = 30.0


class Server:
    """One server process.

    A unix socket and no port: a client that goes on connecting to a dead port of this machine may
    in the end be given that very port for itself, and be connected to nobody but itself.

    Parameters:
      folder: Where its data lies; a socket's path holds about a hundred bytes.
      fsync: Its ``appendfsync``.
    """

    def __init__(self, folder: Path, fsync: str) -> None:
        self._folder, self._fsync = folder, fsync
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "socket"
        self.process: subprocess.Popen[bytes] | None = None

    def client(self) -> redis.Redis:
        """A client that goes to the server directly, past the proxy."""
        return redis.Redis(unix_socket_path=str(self.socket), protocol=2)

    def start(self) -> None:
        """Start it, and wait until it has read its data and answers."""
        self.process = subprocess.Popen(
            [str(find_engine().path), *self._settings()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: see {self._folder / 'server.log'}")
            time.sleep(0.01)  # a server that starts tells nobody when it answers

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def _settings(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--logfile", str(self._folder / "server.log")),
            *("--daemonize", "no", "--save", "", "--maxmemory-policy", "noeviction"),
            *("--appendonly", "yes", "--appendfsync", self._fsync),
        ]
