"""A proxy that understands what passes: it knows each call by its operation, and loses those it is told to.

The one of the chaos command disturbs whole connections at random; this one strikes one call, and knows
for certain whether the server carried it out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import redis

from workstreams.store.library import library, load, operations

__all__ = ["Fate", "LossyProxy", "scripts"]

#: What becomes of a call. ``reply``: the server carries it out, its reply is lost and the connection breaks;
#: ``silence``: the same, but nothing tells the client; ``request``: the connection breaks before it arrives;
#: ``late``: like ``request``, but a copy arrives at ``deliver_late``.
Fate = Literal["reply", "silence", "request", "late"]

SUBSCRIBING = ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE")


def scripts() -> set[str]:
    """The names of all operations that are functions on the server."""
    return set(operations())


@dataclasses.dataclass(frozen=True, slots=True)
class _Sent:
    """One request or reply: its bytes, and its words if it is a request."""

    data: bytes
    words: tuple[bytes, ...]


def _read(stream: io.BufferedReader) -> _Sent:
    """Read one whole request or reply of RESP 2.

    Raises:
      EOFError: When there is none left.
    """
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, size = line[:1], line[1:-2]
    if kind == b"$" and size != b"-1":
        word = stream.read(int(size) + 2)
        if len(word) < int(size) + 2:
            raise EOFError
        return _Sent(line + word, (word[:-2],))
    if kind == b"*" and size != b"-1":
        parts = [_read(stream) for _ in range(int(size))]
        return _Sent(
            line + b"".join(part.data for part in parts), tuple(w for part in parts for w in part.words)
        )
    return _Sent(line, ())


class _Lost(Exception):
    """This connection is to break off."""


@dataclasses.dataclass(slots=True)
class _Order:
    """What to lose: from the first to the last of the calls of one operation."""

    operation: str
    first: int
    last: int
    fate: Fate


class LossyProxy:
    """Stands between clients and a server, on a unix socket of its own.

    Parameters:
      folder: Where to put the socket; its path holds about a hundred bytes.
      server: The server's socket.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self._server = server
        self._path = folder / "proxy"
        self._operations = {library().function(name): name for name in scripts()}
        self._mutex = threading.Lock()
        self._order: _Order | None = None
        self._late: bytes | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        #: How many calls of each operation passed or were lost here; other commands by their name.
        self.calls: Counter[str] = Counter()
        #: How many were lost.
        self.lost = 0
        #: Of which operations any was lost.
        self.struck: set[str] = set()
        #: Whether what the server says to those who are subscribed by now is lost, although nothing breaks.
        self.deaf = False
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._path))
        self._listening.listen(64)
        # What is not loaded yet would be asked for twice.
        with self.server_client() as client:
            load(client, library())
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where clients are to connect."""
        return f"unix://{self._path}"

    def server_client(self) -> redis.Redis:
        """A client that goes to the server directly."""
        return redis.Redis(unix_socket_path=str(self._server), protocol=2)

    def lose(self, operation: str, number: int = 1, fate: Fate = "reply", times: int = 1) -> None:
        """Lose a call from now on, in place of what was to be lost before.

        Parameters:
          operation: A script, or the name of another command.
          number: Which of its calls, counted from now.
          fate: How.
          times: So many in a row.
        """
        with self._mutex:
            self.lost = 0
            self.calls.clear()
            self._order = _Order(operation, number, number + times - 1, fate)

    def deliver_late(self) -> bytes:
        """Let the copy arrive that was held up; returns the server's answer."""
        assert self._late is not None, "nothing was held up"
        late, self._late = self._late, None
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._server))
            server.sendall(late)
            return _read(server.makefile("rb")).data

    def point_at(self, server: Path) -> None:
        """Take new connections to another server; those that stand, stand."""
        self._server = server

    def close(self) -> None:
        """Break everything off."""
        self._listening.shutdown(socket.SHUT_RDWR)
        with self._mutex:
            still = list(self._open)
        for one in still:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        self._listening.close()
        self._path.unlink(missing_ok=True)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            with self._mutex:
                self._open |= {client, server}
            try:
                server.connect(str(self._server))
                self._pass_on(client, server)
            except (OSError, EOFError, _Lost):
                return
            finally:
                with self._mutex:
                    self._open -= {client, server}

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """One request, one reply: a pipeline has to wait for each, and may."""
        requests, replies = client.makefile("rb"), server.makefile("rb")
        while True:
            request = _read(requests)
            name = self._name_of(request)
            fate = self._fate_of(name)
            if fate in ("request", "late"):
                self._late = request.data if fate == "late" else None
                raise _Lost
            server.sendall(request.data)
            if name in SUBSCRIBING:
                self._pass_bytes(client, server)
            reply = _read(replies)
            if fate == "reply":
                raise _Lost
            if fate == "silence":
                self._wait_for_end(requests)
            client.sendall(reply.data)

    def _name_of(self, request: _Sent) -> str:
        name = request.words[0].decode().upper()
        return self._operations.get(request.words[1].decode(), name) if name == "FCALL" else name

    def _fate_of(self, name: str) -> Fate | None:
        with self._mutex:
            self.calls[name] += 1
            order = self._order
            if order is None or name != order.operation:
                return None
            if not order.first <= self.calls[name] <= order.last:
                return None
            self.lost += 1
            self.struck.add(name)
            return order.fate

    def _wait_for_end(self, requests: io.BufferedReader) -> None:
        while requests.read(1 << 16):
            continue  # whatever the client says, nobody answers
        raise _Lost

    def _pass_bytes(self, client: socket.socket, server: socket.socket) -> None:
        """From here on the server speaks whenever it likes."""
        other = {client: server, server: client}
        came_later = self.deaf
        while True:
            ready, _, _ = select.select(list(other), [], [])
            for one in ready:
                data = one.recv(1 << 16)
                if not data:
                    raise _Lost
                if one is client or came_later or not self.deaf:
                    other[one].sendall(data)
