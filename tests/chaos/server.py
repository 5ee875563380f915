"""A real Valkey or Redis on a socket of its own, which can be killed and started again with its data."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from pathlib import Path

import redis

from tests.chaos.notes import now_us
from workstreams.store.embedded.locate import find_engine

__all__ = ["Server"]

#: Bytes that are never used up. Some bound there is to be, or workers need not look at it.
PLENTY = 1 << 40

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
        self._sizes: deque[tuple[int, Path, int]] = deque(maxlen=100)

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

    def allow_memory(self, most: int | None) -> None:
        """Set how many bytes it may use, None for plenty; one that is away starts with plenty anyhow."""
        with contextlib.suppress(redis.RedisError), self.client() as client:
            client.config_set("maxmemory", PLENTY if most is None else most)

    def look(self) -> None:
        """Note how much of its log of writes is on disk now."""
        at, log = now_us(), self._log()
        # It may be replaced by a shorter one at any time.
        with contextlib.suppress(FileNotFoundError):
            if log is not None:
                self._sizes.append((at, log, log.stat().st_size))

    def forget(self, since: int) -> int | None:
        """Take the end of the log away, as a loss of power does with what was not saved.

        Parameters:
          since: µs; what was written before is kept, and a little of what was written after.

        Returns:
          µs up to which every write is kept; None if nothing was taken away.
        """
        log = self._log()
        known = [(at, size) for at, path, size in self._sizes if path == log and at <= since]
        if self._fsync == "always" or log is None or not known:
            return None
        at, size = known[-1]
        os.truncate(log, size)
        self._sizes.clear()
        return at

    def _log(self) -> Path | None:
        """The file that writes are appended to."""
        return max(self._folder.glob("appendonlydir/*.incr.aof"), default=None, key=_number_of)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def _settings(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--logfile", str(self._folder / "server.log")),
            *("--daemonize", "no", "--save", ""),
            *("--maxmemory", str(PLENTY), "--maxmemory-policy", "noeviction"),
            *("--appendonly", "yes", "--appendfsync", self._fsync),
        ]


def _number_of(log: Path) -> int:
    """Of ``appendonly.aof.12.incr.aof``: the highest is the one that is written."""
    return int(log.name.split(".")[-3])
