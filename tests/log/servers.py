"""A real server that a test may stop and start again, and what tests write into its streams."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import entry_of
from workstreams.log.lines import stamp
from workstreams.store.embedded.locate import find_engine
from workstreams.store.keys import Keys

KEYS = Keys("shop")


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Look until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.002)  # between two looks at a condition


class Server:
    """One server on a unix socket in a folder of its own; its data survive ``stop`` and ``start``."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ws-")
        self.socket = Path(self._folder.name) / "s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(find_engine().path), "--port", "0", "--unixsocket", str(self.socket)]
        settings = [
            "--dir",
            self._folder.name,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--enable-debug-command",
            "yes",
        ]
        self._process = subprocess.Popen([*command, *settings], stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        """Stop it as an operator would, its file written."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        self._folder.cleanup()

    def client(self, protocol: int = 2) -> redis.Redis:
        """A client that waits longer than a reader blocks, and never tries twice."""
        return redis.Redis(
            unix_socket_path=str(self.socket),
            protocol=protocol,
            socket_timeout=20,
            retry=Retry(NoBackoff(), 0),
        )

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def log_key(name: str) -> str:
    """The stream of a workstream, or of the app for an empty name."""
    return KEYS.workstream(name, "log") if name else KEYS.log


def write_line(
    client: redis.Redis, name: str, event: str, *, at: str = "*", us: int | None = None, **fields: object
) -> bytes:
    """Append one line as the supervisor does."""
    if us is None:
        seconds, micros = client.time()
        us = seconds * 1_000_000 + micros
    line = {"ts": stamp(us), "level": "info", "event": event} | fields
    added = client.xadd(log_key(name), {"o": orjson.dumps(line), "j": str(fields.get("job", ""))}, id=at)
    assert isinstance(added, bytes)
    return added


def write_event(
    client: redis.Redis, name: str, event: str, job: str, us: int, *, at: str = "*", level: str = "info"
) -> None:
    """Append one event as the scripts do."""
    client.xadd(log_key(name), entry_of(event, us, job=job, level=level, actor="send_sms"), id=at)
