"""A real HTTP server with a limit that nobody is told of, and that changes while it runs.

A leaky bucket, as nginx's ``limit_req`` with ``nodelay`` is one: so many a second, and a few more at once.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

__all__ = ["Arrival", "Bucket", "Upstream", "upstream"]


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """One request.

    Attributes:
      at: Monotonic seconds.
      refused: Whether it was answered with 429.
    """

    at: float
    refused: bool


class Bucket:
    """So many requests a second, and a few at once.

    Parameters:
      rate: Requests a second.
      burst: Requests at one instant, when none came before.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self._burst = rate, burst
        # When it would be empty.
        self._empty_at = 0.0

    def wait(self, now: float) -> float:
        """0 when a request is accepted, else the seconds until one would be."""
        begun = max(self._empty_at, now)
        over = begun - now - (self._burst - 1) / self.rate
        if over > 1e-9:
            return over
        self._empty_at = begun + 1 / self.rate
        return 0.0


class Upstream:
    """What the server has seen.

    Parameters:
      bucket: Its limit.
      tells: Whether a refusal carries ``Retry-After``, in whole seconds.
    """

    def __init__(self, bucket: Bucket, *, tells: bool) -> None:
        self._bucket, self._tells = bucket, tells
        self._mutex = threading.Lock()
        self.arrivals: list[Arrival] = []
        self.url = ""

    def change(self, rate: float) -> None:
        """Allow so many requests a second from now on."""
        with self._mutex:
            self._bucket.rate = rate

    def between(self, begin: float, end: float) -> Sequence[Arrival]:
        """What arrived in this time, monotonic seconds."""
        with self._mutex:
            return [one for one in self.arrivals if begin <= one.at < end]

    def arrive(self) -> tuple[HTTPStatus, dict[str, str]]:
        """Count a request; returns the status and the headers of its answer."""
        with self._mutex:
            now = time.monotonic()
            wait = self._bucket.wait(now)
            self.arrivals.append(Arrival(now, bool(wait)))
        if not wait:
            return HTTPStatus.NO_CONTENT, {}
        told = {"Retry-After": str(math.ceil(wait))} if self._tells else {}
        return HTTPStatus.TOO_MANY_REQUESTS, told


class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Accept or refuse."""
        status, headers = self.server.upstream.arrive()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: what arrived is counted."""


@contextmanager
def upstream(rate: float, burst: int, *, tells: bool) -> Iterator[Upstream]:
    """A server that listens until the end of the block.

    Parameters:
      rate: Requests a second.
      burst: Requests at one instant.
      tells: Whether a refusal says how long to wait.
    """
    seen = Upstream(Bucket(rate, burst), tells=tells)
    with _Server(seen) as server:
        host, port = server.server_address[:2]
        seen.url = f"{host!s}:{port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
