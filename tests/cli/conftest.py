"""A project folder on a real server; commands in this process and as processes of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from workstreams.cli.main import main
from workstreams.store.embedded import EmbeddedServer

CONFIG = """\
app: {app}
redis: {redis}
workstreams:
  mail: {{rate: 2/h, concurrency: 5}}
  free:
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Project:
    """A folder with a config."""

    def __init__(self, folder: Path, redis: str) -> None:
        self.folder = folder
        self.app = f"t{uuid.uuid4().hex[:12]}"
        self.write("config/workstreams.yml", CONFIG.format(app=self.app, redis=redis))

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment without what would change the commands."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WORKSTREAMS_", "NO_COLOR"))
        }
        return kept | dict(more or {})

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own."""
        command = [sys.executable, "-m", "workstreams.cli.main", *arguments]
        pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environ(env), text=False, **(pipes | options)
        )

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command as a process of its own, which is gone when the block ends."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            # Its own end takes its children along; a killed one could leave them.
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=30)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ended:
        """Run a command as a process of its own."""
        with self.start(*arguments, env=env, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(stdin, timeout=30)
        return Ended(process.returncode, out.decode(), err.decode())


Command = Callable[..., Ended]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server."""
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as running:
        yield running.url


@pytest.fixture
def project(tmp_path: Path, server: str) -> Project:
    """A project on the server."""
    return Project(tmp_path, server)


@pytest.fixture
def embedded(tmp_path: Path) -> Project:
    """A project with an embedded server, which does not run."""
    return Project(tmp_path, "embedded")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command inside this process, in the project's folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("WORKSTREAMS_", "NO_COLOR"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ended:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run
