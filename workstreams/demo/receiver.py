"""The HTTP server that the demo delivers to: it accepts so many a second and refuses the rest."""

from __future__ import annotations

import dataclasses
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import orjson

from workstreams.demo.arrivals import Arrivals, Counts

__all__ = ["Receiver"]

_SECOND = 1_000_000_000

#: Anything larger is no event of ours.
_MOST_BYTES = 64 * 2**10


class Receiver:
    """Listens on a free port of this machine only, answers 202, or 429 above the limit.

    ``GET /counts`` answers with the counts as JSON.

    Parameters:
      allowed: Arrivals accepted in any second.
    """

    def __init__(self, allowed: int) -> None:
        self._arrivals = Arrivals(allowed)
        self._server = _Server(self._arrivals)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="demo-receiver", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, once it was started."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def counts(self) -> Counts:
        """What arrived so far."""
        return self._arrivals.counts()

    def start(self) -> None:
        """Begin to listen and to answer."""
        self._server.server_bind()
        self._server.server_activate()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the counts stay."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


# Not http.server's own class: that one looks up the name of its host, which can take seconds.
class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, as a killed worker does, is nothing to report."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0

    def do_POST(self) -> None:
        """Count it, then accept or refuse it."""
        wait = self.server.arrivals.arrive()
        if not self._drain():
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif wait:
            # Whole seconds are all that the header can say, so it is rounded up.
            self._answer(HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(-(-wait // _SECOND))})
        else:
            self._answer(HTTPStatus.ACCEPTED)

    def do_GET(self) -> None:
        """The counts, and nothing else."""
        if self.path != "/counts":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        body = orjson.dumps(dataclasses.asdict(self.server.arrivals.counts()))
        self._answer(HTTPStatus.OK, {"Content-Type": "application/json"}, body)

    def _drain(self) -> bool:
        """Read the body, which would otherwise break the connection off before the answer is read."""
        length = self.headers.get("Content-Length", "0")
        # Python refuses to read a number of thousands of digits in words of its own.
        if not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= _MOST_BYTES):
            return False
        self.rfile.read(int(length))
        return True

    def _answer(self, status: HTTPStatus, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the screen shows the counts."""
