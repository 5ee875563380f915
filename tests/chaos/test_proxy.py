"""The way between fleet and Redis: what it does to a connection is what the plan says."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.helpers import Helper, Helpers
from tests.support import wait_until


class Echo:
    """Answers whatever it is sent with the same, and remembers it."""

    def __init__(self, path: Path) -> None:
        self.heard: list[bytes] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # A thread that waits in accept would keep it open.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(100):
                    self.heard.append(data)
                    connection.sendall(data)
            except OSError:
                return


class Way:
    """A proxy with an echo behind it."""

    def __init__(self, echo: Echo, proxy: Helper, port: int) -> None:
        self.echo, self.proxy, self._port = echo, proxy, port

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        assert said(client, b"hello") == b"hello"
        return client


def said(client: socket.socket, text: bytes) -> bytes:
    """What comes back; "" when the connection was broken off."""
    try:
        client.sendall(text)
        return client.recv(100)
    except ConnectionError:
        return b""


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    # A short folder: the path of a unix socket holds 107 bytes.
    with tempfile.TemporaryDirectory(prefix="wsp") as folder:
        path = Path(folder) / "socket"
        echo, helpers = Echo(path), Helpers(tmp_path, {})
        proxy = helpers.start("proxy", path, 1)
        try:
            yield Way(echo, proxy, int(proxy.answer()))
        finally:
            proxy.end()
            echo.close()


def test_without_an_order_everything_passes(way: Way) -> None:
    with way.connect() as client:
        assert said(client, b"one") == b"one"
        assert said(client, b"two") == b"two"


def test_a_cut_breaks_a_connection_off_and_the_next_one_works(way: Way) -> None:
    with way.connect() as client:
        way.proxy.order("cut 1.0")
        assert said(client, b"one") == b""
        assert b"one" not in way.echo.heard
    way.connect().close()


def test_a_share_of_the_connections_is_cut(way: Way) -> None:
    clients = [way.connect() for _ in range(10)]
    way.proxy.order("cut 0.3")
    answers = [said(client, b"one") for client in clients]
    assert answers.count(b"") == 3
    for client in clients:
        client.close()


def test_a_dropped_reply_is_lost_after_its_request_has_passed(way: Way) -> None:
    with way.connect() as client:
        way.proxy.order("drop 1.0")
        assert said(client, b"one") == b""
        wait_until(lambda: b"one" in way.echo.heard)
    way.connect().close()


def test_a_delay_holds_up_and_ends(way: Way) -> None:
    with way.connect() as client:
        way.proxy.order("delay 100 60")
        began = time.monotonic()
        assert said(client, b"one") == b"one"
        # Both ways were held up.
        assert time.monotonic() - began >= 0.2
        way.proxy.order("heal")
        assert said(client, b"two") == b"two"


def test_what_hangs_answers_nothing_and_is_broken_off_in_the_end(way: Way) -> None:
    with way.connect() as client:
        began = time.monotonic()
        way.proxy.order("hang 1.0 0.3")
        assert said(client, b"one") == b""
        assert time.monotonic() - began >= 0.3
    way.connect().close()


def test_healing_breaks_off_what_hangs(way: Way) -> None:
    with way.connect() as client:
        way.proxy.order("hang 1.0 3600")
        way.proxy.order("heal")
        assert said(client, b"one") == b""
    way.connect().close()


def test_while_the_server_is_down_a_client_is_refused(way: Way) -> None:
    way.connect().close()
    way.echo.close()
    with pytest.raises(AssertionError):
        way.connect()
