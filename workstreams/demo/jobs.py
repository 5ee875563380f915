"""The demo's actors, written as a user would write them: a webhook delivered, a file hashed, a report."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from workstreams import Discard, RateLimited, actor, current_broker, current_job
from workstreams.demo.settings import FILES, REPORTS, WEBHOOKS, receiver_of
from workstreams.state import read_status

__all__ = ["deliver", "digest", "report"]

#: Seconds in which the receiver has to answer.
_PATIENCE = 5.0


@actor(workstream=WEBHOOKS)
def deliver(url_path: str, event: Mapping[str, Any]) -> None:
    """Post an event to the receiver of this run.

    Parameters:
      url_path: Where on the receiver.
      event: What happened; travels as JSON.

    Raises:
      RateLimited: When the receiver says 429: the job waits as long as it asks for.
      ConfigError: When no receiver is known here.
      http.client.HTTPException: When the receiver answers anything else than success.
    """
    host, port = receiver_of(os.environ)
    with closing(http.client.HTTPConnection(host, port, timeout=_PATIENCE)) as connection:
        connection.request("POST", url_path, orjson.dumps(event), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
    if response.status == 429:
        raise RateLimited.from_response(response)
    if not 200 <= response.status < 300:
        found = f"{response.status} {response.reason}"
        raise http.client.HTTPException(f"expected the receiver to accept {url_path}, found {found}")
    current_job().log("delivered", url_path=url_path, status=response.status)


@actor(workstream=FILES)
def digest(path: str) -> None:
    """Hash a file and log its SHA-256.

    Parameters:
      path: The file, on the worker's machine.

    Raises:
      Discard: When there is no such file any longer.
    """
    file = Path(path)
    if not file.is_file():  # A pipe or a device could be read for ever.
        raise Discard(f"expected a regular file, found none at {path}")
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = stream.tell()
    current_job().log("hashed", path=path, size=size, sha256=sha256)


@actor(workstream=REPORTS, retries=0)
def report() -> None:
    """Log what each workstream did in the last minute; sent by the schedule ``report``."""
    broker = current_broker()
    for state in read_status(broker.link, broker.config):
        if state.name != REPORTS:
            current_job().log(
                "report",
                about=state.name,
                done=round(state.per_minute("done")),
                failed=round(state.per_minute("failed")),
                waiting=state.waiting,
                dead=state.dead,
            )
