"""A real Valkey, run as our own child, with its data in the state folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded import launch
from workstreams.store.embedded.folder import StateFolder
from workstreams.store.embedded.locate import find_engine
from workstreams.store.embedded.lock import OwnerLock, try_lock
from workstreams.store.embedded.orphan import GRACE, clear_orphan
from workstreams.store.embedded.probe import dismiss, greeting

__all__ = ["EmbeddedServer", "socket_url"]

#: A start takes 55 ms here, so a longer pause between two looks would be felt.
_POLL = 0.002
#: ``1234:M 01 Jan 2030 00:00:00.000 # `` before what a server says.
_LOG_PREFIX = re.compile(r"^\d+:\w+ .*? [*#.-] ")


def socket_url(path: Path) -> str:
    """The URL of a server that listens on a unix socket."""
    return f"unix://{quote(str(path))}"


class EmbeddedServer:
    """The embedded server of one state folder, and the only owner of it.

    It survives Ctrl-C, so that workers can finish against it, and stops with ``stop()`` or
    with the end of the block. When its owner is killed it stops as well (on Linux, if it was
    started from the main thread, whose end the kernel reports); where it cannot, the next
    owner finds and replaces it.

    Parameters:
      state_dir: The folder for its data; made when it is missing.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = StateFolder(state_dir)
        self._ownership = OwnerLock(self._folder.path)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None
        self._turn = threading.RLock()
        #: The epoch of data that was gone when the server started, "" when none was: strict
        #: limits then count a whole window as used.
        self.lost_epoch = ""

    @property
    def url(self) -> str:
        """Its ``unix://`` URL; the same after a restart."""
        with self._folder.errors():
            return socket_url(self._socket or self._folder.choose_socket())

    @property
    def pid(self) -> int | None:
        """Process id of the server, None while there is none."""
        return self._process.pid if self._process else None

    @property
    def epoch(self) -> str:
        """The name of the data set; another one means that the data of before is lost."""
        with self._folder.errors():
            self._folder.create()
            return self._folder.epoch()

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 10.0) -> None:
        """Own the folder, start the server and wait until it answers.

        Parameters:
          timeout: Seconds without an answer; the loading of its data does not count.

        Raises:
          RedisUnavailable: When the folder is owned by another process or cannot be written,
            no engine is found, or the server does not come up.
        """
        with self._turn, self._folder.errors():
            if self._process is not None:
                return
            self._folder.create()
            self._ownership.take()
            try:
                self._launch(timeout)
            except BaseException:
                self._end()
                self._process = None
                self._ownership.release()
                raise

    def ensure_running(self, timeout: float = 10.0) -> bool:
        """Restart the server, with its data, if it died; for the owner to call every now and then.

        Parameters:
          timeout: Seconds, as for ``start``.

        Returns:
          Whether it had to be restarted; a server that was stopped stays stopped.

        Raises:
          RedisUnavailable: When it does not come up again; the next call tries again.
        """
        with self._turn, self._folder.errors():
            self._folder.trim_log()
            # Without its socket nobody can reach it, however well it runs.
            if self._process is None or (self.alive() and self._socket and self._socket.exists()):
                return False
            self._end()
            self._launch(timeout)
            return True

    def stop(self, grace: float = GRACE) -> None:
        """Stop the server and give the folder up; nothing happens if it is stopped already.

        Parameters:
          grace: Seconds before it is killed.
        """
        with self._turn:
            self._end(grace)
            self._process = None
            self._ownership.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, timeout: float) -> None:
        engine = find_engine()
        self._folder.refuse_older(engine)
        lock = clear_orphan(self._folder)
        try:
            self.lost_epoch = self._folder.renew_epoch_of_lost_data() or self.lost_epoch
            self._folder.epoch()
            self._socket = self._folder.choose_socket()
            self._socket.unlink(missing_ok=True)
            self._folder.record_socket(self._socket)
            self._folder.trim_log()
            log_begin = self._folder.log.stat().st_size if self._folder.log.exists() else 0
            self._process = self._spawn([str(engine.path), *self._settings()], lock)
        finally:
            os.close(lock)
        self._await_answer(timeout, log_begin)
        self._folder.record_engine(engine)

    def _spawn(self, command: list[str], lock: int) -> subprocess.Popen[bytes]:
        # The kernel watches the thread that forked, not the process: any other one may end long before us.
        follow = threading.current_thread() is threading.main_thread()
        fate = "1" if follow else "0"
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(lock), str(os.getpid()), fate]
        with self._folder.log.open("ab") as log:
            return subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder.path,
                pass_fds=[lock],
                start_new_session=True,
            )

    def _settings(self) -> list[str]:
        folder = str(self._folder.path)
        return [
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", folder, "--logfile", str(self._folder.log), "--daemonize", "no"),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            # Engines from 7.0 on read each other's plain file, but no newer one's binary preamble.
            *("--aof-use-rdb-preamble", "no"),
            *("--maxmemory-policy", "noeviction"),
            # Its arguments stay readable, by which an orphan is known.
            *("--set-proc-title", "no"),
        ]

    def _await_answer(self, timeout: float, log_begin: int) -> None:
        assert self._process is not None
        assert self._socket is not None
        deadline = time.monotonic() + timeout
        while not (answer := greeting(self._socket, timeout)).startswith(b"+PONG"):
            if self._process.poll() is not None:
                raise RedisUnavailable(self._obituary(f"it ended with {self._process.returncode}", log_begin))
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + timeout
            if time.monotonic() > deadline:
                raise RedisUnavailable(self._obituary(f"no answer after {timeout:g} s", log_begin))
            time.sleep(_POLL)  # a server that starts tells nobody when it listens

    def _obituary(self, found: str, log_begin: int) -> str:
        with self._folder.log.open("rb") as log:
            log.seek(log_begin)
            lines = log.read().decode(errors="replace").strip().splitlines() or ["nothing in its log"]
        return (
            f"expected the embedded server of {self._folder.path} to start, "
            f'found that {found} ("{_LOG_PREFIX.sub("", lines[-1]).rstrip(".")}"): see {self._folder.log}'
        )

    def _end(self, grace: float = GRACE) -> None:
        """Stop the process and whatever it has forked."""
        process = self._process
        if process is None:
            return
        if self._socket is not None:
            dismiss(self._socket)
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._end_rewriter(process.pid)

    def _end_rewriter(self, leader: int) -> None:
        # A child that rewrites the file outlives a server that was killed, and carries its lock. While
        # it does, nobody else is given the number of its group.
        with contextlib.suppress(OSError):
            lock = try_lock(self._folder.server_lock)
            if lock is None:
                os.killpg(leader, signal.SIGKILL)
            else:
                os.close(lock)
