from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import psutil
import pytest

from tests.store.servers import wait_until
from workstreams.demo.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(20)
    receiver.start()
    yield receiver
    receiver.stop()


def address(receiver: Receiver) -> tuple[str, int]:
    parts = urlsplit(receiver.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def ask(receiver: Receiver, method: str, path: str, **headers: str) -> tuple[int, str | None, bytes]:
    with closing(http.client.HTTPConnection(*address(receiver), timeout=5)) as connection:
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        response = connection.getresponse()
        return response.status, response.getheader("Retry-After"), response.read()


def test_only_this_machine_can_reach_it(receiver: Receiver) -> None:
    _, port = address(receiver)
    listening = [c for c in psutil.Process().net_connections("inet") if c.status == "LISTEN"]
    assert [c.laddr.ip for c in listening if c.laddr.port == port] == ["127.0.0.1"]


def test_it_accepts_as_many_as_allowed_and_refuses_the_others_with_a_retry_after(receiver: Receiver) -> None:
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: ask(receiver, "POST", "/hooks/orders"), range(25)))
    assert sorted(status for status, _, _ in answers) == [202] * 20 + [429] * 5
    assert {wait for status, wait, _ in answers if status == 429} == {"1"}
    counts = receiver.counts()
    assert (counts.arrived, counts.refused, counts.worst_second) == (25, 5, 25)


def test_its_counts_can_be_read_over_http_without_counting_as_an_arrival(receiver: Receiver) -> None:
    ask(receiver, "POST", "/hooks/orders")
    status, _, body = ask(receiver, "GET", "/counts")
    assert status == 200
    told = json.loads(body)
    assert set(told) == {"allowed", "arrived", "refused", "last_second", "worst_second"}
    assert (told["allowed"], told["arrived"], told["refused"], told["worst_second"]) == (20, 1, 0, 1)
    assert ask(receiver, "GET", "/")[0] == 404


@pytest.mark.parametrize("length", ["-1", "many", "99999999999", "9" * 5000])
def test_a_body_of_impossible_length_is_refused_and_not_waited_for(receiver: Receiver, length: str) -> None:
    with closing(http.client.HTTPConnection(*address(receiver), timeout=3)) as connection:
        connection.putrequest("POST", "/hooks/orders")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_a_client_that_hangs_up_disturbs_neither_the_receiver_nor_the_terminal(
    receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    threads = threading.active_count()
    with closing(socket.create_connection(address(receiver))) as link:
        # Closing with nothing lingering resets the connection in the middle of its request.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        wait_until(lambda: receiver.counts().arrived == 1)
    wait_until(lambda: threading.active_count() <= threads)
    assert ask(receiver, "POST", "/hooks/orders")[0] == 202
    assert capfd.readouterr().err == ""


def test_it_can_be_stopped_twice_or_without_a_start_and_frees_its_port() -> None:
    Receiver(1).stop()
    receiver = Receiver(1)
    receiver.start()
    where = address(receiver)
    receiver.stop()
    receiver.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where)
