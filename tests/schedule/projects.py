"""A project on disk with schedules, and schedulers of it as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.schedule.conftest import App
from tests.support import wait_until

JOBS = """\
from workstreams import actor
print("imported")

@actor(workstream="mail")
def act(*args): ...
"""


class Project:
    """A config in a folder.

    Parameters:
      app: Where its jobs are looked at.
      schedules: The YAML below ``schedules:``.
      jobs: The module of its actors.
      redis: Another server than the app's.
    """

    def __init__(self, app: App, schedules: str, jobs: str = JOBS, redis: str = "") -> None:
        self.folder, self.processes = app.folder, list[subprocess.Popen[bytes]]()
        config = app.folder / "config"
        config.mkdir()
        top = f"app: {app.name}\nredis: {redis or app.url}\nimport: [tick_jobs]\nworkstreams: {{mail: }}\n"
        (config / "workstreams.yml").write_text(top)
        (config / "schedules.yml").write_text(f"schedules:\n{schedules}")
        (app.folder / "tick_jobs.py").write_text(jobs)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command; what it prints goes to a file."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKSTREAMS_")}
        with self.output(len(self.processes)).open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "workstreams.cli.main", *arguments],
                cwd=self.folder,
                env=environ,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def output(self, number: int) -> Path:
        """What the n-th process printed."""
        return self.folder / f"output-{number}"

    def schedulers(self, number: int) -> list[subprocess.Popen[bytes]]:
        """Start so many schedulers, and wait until they work."""
        first = len(self.processes)
        started = [self.start("scheduler") for _ in range(number)]
        for place, process in enumerate(started, first):
            wait_until(lambda place=place, process=process: self._works(place, process), 30)
        return started

    def _works(self, place: int, process: subprocess.Popen[bytes]) -> bool:
        text = self.output(place).read_text()
        assert process.poll() is None, text
        return "scheduler_started" in text

    def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()
