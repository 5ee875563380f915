"""The state folder: which files lie in it, and what they say.

===============  =====================================================================
file             meaning
===============  =====================================================================
lock             held by the owner, its process id inside
server.lock      carried by the server, its process id inside
socket           the path of the unix socket, for those who attach
redis.sock       the unix socket, unless the path of the folder is too long for one
engine           name and version of the engine that wrote the data
epoch            names this data set; another one after the data was lost
server.log       what the server has to say
server.log.old   what it said before, up to ``MOST_LOGGED`` bytes
appendonlydir/   the data
===============  =====================================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.locate import Engine

__all__ = ["StateFolder"]

#: Linux takes 107 bytes of socket path and macOS 103.
MAX_SOCKET_PATH = 103


#: Bytes of log, and as many of the older one: some months of a server that is well.
MOST_LOGGED = 4 * 2**20


class StateFolder:
    """The folder that holds an embedded server's data.

    Parameters:
      path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.server_lock = self.path / "server.lock"
        self.log = self.path / "server.log"
        self._older_log = self.path / "server.log.old"
        self._socket_record = self.path / "socket"
        self._engine_record = self.path / "engine"
        self._epoch_record = self.path / "epoch"

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the operating system refuses into one sentence.

        Raises:
          RedisUnavailable: In place of any OSError.
        """
        try:
            yield
        except OSError as error:
            raise RedisUnavailable(
                f"expected to keep the embedded server's files in {self.path}, "
                f"found {error.strerror or error}{f' ({error.filename})' if error.filename else ''}: "
                "make it a folder that this user may write and that has room, or set another state_dir"
            ) from error

    def create(self) -> None:
        """Make the folder, for this user only."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def trim_log(self) -> None:
        """Put a log that has grown long aside; a server opens it anew for every line."""
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > MOST_LOGGED:
                self.log.replace(self._older_log)

    # -- socket ---------------------------------------------------------------------------------

    def choose_socket(self) -> Path:
        """Where the server shall listen: in the folder, or under a short path for a long one.

        Raises:
          RedisUnavailable: When the short path cannot be trusted, or is too long as well.
        """
        near = self.path / "redis.sock"
        if len(os.fsencode(near)) <= MAX_SOCKET_PATH:
            return near
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        far = _runtime_dir() / f"{digest}.sock"
        if len(os.fsencode(far)) > MAX_SOCKET_PATH:
            raise RedisUnavailable(
                f"expected a socket path of at most {MAX_SOCKET_PATH} bytes, found {far}: "
                "set a shorter state_dir, or a shorter TMPDIR"
            )
        return far

    def record_socket(self, socket: Path) -> None:
        """Leave word for those who attach."""
        _write(self._socket_record, str(socket))

    def recorded_socket(self) -> Path | None:
        """The socket of the last server that was started here."""
        text = _read(self._socket_record)
        return Path(text) if text else None

    # -- engine ---------------------------------------------------------------------------------

    def refuse_older(self, engine: Engine) -> None:
        """Stop an engine from opening what a newer one wrote: it would refuse, or start empty.

        Raises:
          RedisUnavailable: When the data was written by a higher major version.
        """
        written = _read(self._engine_record)
        major = written.rpartition(" ")[2].partition(".")[0]
        if major.isdigit() and int(major) > engine.version[0]:
            raise RedisUnavailable(
                f"expected {written} or newer, which wrote the data in {self.path}, "
                f"found {engine} ({engine.path}): install the newer one, or set another state_dir"
            )

    def record_engine(self, engine: Engine) -> None:
        """Note which engine has opened the data."""
        _write(self._engine_record, str(engine))

    # -- epoch ----------------------------------------------------------------------------------

    def epoch(self) -> str:
        """The name of this data set, given when it is first asked for."""
        return _read(self._epoch_record) or self._new_epoch()

    def renew_epoch_of_lost_data(self) -> str:
        """Give a new epoch when a server has run here and its data is gone.

        Returns:
          The epoch of the data that is gone, "" when none is missing.
        """
        if not self._engine_record.exists() or (self.path / "appendonlydir").exists():
            return ""
        lost = _read(self._epoch_record)
        self._new_epoch()
        return lost

    def _new_epoch(self) -> str:
        epoch = uuid.uuid4().hex
        _write(self._epoch_record, epoch)
        return epoch


def _runtime_dir() -> Path:
    folder = Path(tempfile.gettempdir(), f"workstreams-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    # Whoever may write in this folder may stand in for the server.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RedisUnavailable(
            f"expected {folder} to be a folder that only this user may enter, "
            f"found mode {stat.S_IMODE(found.st_mode):04o} of user {found.st_uid}: remove it, or set TMPDIR"
        )
    return folder


def _read(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes()).strip("\n")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    # By way of another name: a reader, or a full disk, never meets half a file.
    draft = path.with_suffix(f".{os.getpid()}.new")
    try:
        draft.write_bytes(os.fsencode(text + "\n"))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
