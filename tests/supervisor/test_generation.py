"""What a supervisor finds when it starts is shown, and kept where everybody reads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from tests.promises.fleet import fleet
from tests.store.servers import real_server
from tests.support import wait_until


def test_a_server_that_may_lose_jobs_is_told_at_the_start_and_in_the_log_stream(
    tmp_path: Path, app_name: str
) -> None:
    # A short folder: the path of a unix socket holds 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="wst") as folder,
        real_server(Path(folder), "--save", "", "--appendonly", "no") as socket,
        fleet(tmp_path, app_name, f"unix://{socket}", "  work:\n", "", "{processes: 1}") as project,
    ):
        supervisor = project.start()
        [shown] = wait_until(lambda: supervisor.events("server_unsafe"))
        assert "appendonly yes" in shown["why"]
        link = project.broker.link

        def kept() -> list[dict[str, object]]:
            entries = link.scripts.client.xrange(link.keys.log)
            lines = [orjson.loads(fields[b"o"]) for _, fields in entries if b"o" in fields]
            return [line for line in lines if line["event"] == "server_unsafe"]

        assert wait_until(kept) == [shown]
