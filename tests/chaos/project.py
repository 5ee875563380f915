"""The project that a session runs: its config on disk, and the environment its processes get."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from tests.chaos.notes import JOURNAL, RECEIVER
from tests.chaos.settings import Settings

__all__ = ["AFTER", "APP", "CALLS", "MARK", "SCHEDULE", "TICKS", "Project"]

APP, SCHEDULE = "chaos", "every-second"

#: The workstream with the limits, that of what follows its jobs, and that of the schedule.
CALLS, AFTER, TICKS = "calls", "after", "ticks"

#: By this variable every process of a session is known, however it was orphaned.
MARK = "CHAOS_SESSION"

_CONFIG = """\
app: {app}
redis: redis://127.0.0.1:{port}/0
import: [tests.chaos.jobs]
path: ["{root}"]
worker: {{processes: {processes}, lease: {lease_ms}ms, grace: 10s}}
workstreams:
  {calls}:
    rate: [{rates}]
    concurrency: {concurrency}
    threads: {threads}
    retries: {{min_backoff: 100ms, max_backoff: 1s}}
    keep: {{logs: {{size: 4GiB}}}}
  {after}:
    threads: 2
    keep: {{logs: {{size: 1GiB}}}}
  {ticks}:
    threads: 2
    keep: {{logs: {{size: 1GiB}}}}
schedules:
  {schedule}: {{actor: tick, workstream: {ticks}, every: 1s, catch_up: all, overlap: allow}}
"""


class Project:
    """A folder with a config, in which the fleet runs and the history is kept.

    Parameters:
      folder: The folder.
      settings: What the config says.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.mark = uuid4().hex

    @property
    def config(self) -> Path:
        """The config's folder."""
        return self.folder / "config"

    def write(self, port: int) -> None:
        """Write the config; Redis is reached through this port."""
        wanted = self.settings
        self.config.mkdir()
        text = _CONFIG.format(
            app=APP,
            port=port,
            root=Path(__file__).parents[2],
            processes=wanted.processes,
            lease_ms=round(wanted.lease * 1000),
            calls=CALLS,
            rates=", ".join(wanted.rates),
            concurrency=wanted.concurrency,
            threads=wanted.threads,
            after=AFTER,
            ticks=TICKS,
            schedule=SCHEDULE,
        )
        (self.config / "workstreams.yml").write_text(text)

    def environ(self, receiver: str = "") -> Mapping[str, str]:
        """The environment of every process of the session."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKSTREAMS_")}
        ours = {MARK: self.mark, JOURNAL: str(self.folder / "runs.log"), RECEIVER: receiver}
        return kept | ours
