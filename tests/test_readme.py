"""Every example in the README is run: files are written, commands are executed, configs are validated."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import dramatiq.broker
import pytest

from tests.support import config_of, wait_until, working
from workstreams.app import build_broker
from workstreams.declare.config import load_config
from workstreams.state import read_status
from workstreams.wait.broker import WorkstreamBroker
from workstreams.wait.emptying import unfinished

README = Path(__file__).parents[1] / "README.md"

_BLOCK = re.compile(r"<!-- (?P<role>[^>]+?) -->\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    role: str
    kind: str
    text: str


BLOCKS = [
    Block(found["role"], found["kind"], found["text"]) for found in _BLOCK.finditer(README.read_text("utf-8"))
]


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block with the lines it printed."""
    command, printed = "", []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], []
        else:
            printed.append(line)
    yield command, printed


def shape(line: str) -> str:
    """A line without what differs from run to run: ids, and the width of columns."""
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>", line)
    return re.sub(r"\s+", " ", line).strip()


def measured(line: str) -> str:
    """The same without times, numbers and the length of a rule either."""
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d\d:\d\d:\d\dZ", "<time>", shape(line))
    return re.sub(r"─+", "─", re.sub(r"\d+(\.\d+)?", "<n>", line))


#: A line of a log, as the terminal shows it.
_LOGGED = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warning|error) +sms \S{8} \w+ +actor=send_sms( |$)"
)

#: What waits is held by its rate or its retry, but at the moment in which it has room.
_MAY_DIFFER = ("sms ", "reports ", "waits for ")


def alike(line: str, shown: str) -> bool:
    """Whether two lines are the same but for what is measured, or both of the same log."""
    if _LOGGED.match(shown):
        return _LOGGED.match(line) is not None
    if shown.startswith(_MAY_DIFFER):
        return line.split()[0] == shown.split()[0] and bool(re.search(r"\d", line))
    return measured(line) == measured(shown)


def frame(folder: Path, environ: dict[str, str], wanted: str) -> list[str]:
    """The first frame that ``status --watch`` draws on a terminal hardly wider than the README's."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["workstreams", "status", "--watch"],
        cwd=folder,
        env={
            **environ,
            "TERM": "xterm",
            "COLUMNS": str(max(map(len, wanted.splitlines())) + 6),
            "LINES": "30",
        },
        stdin=theirs,
        stdout=theirs,
    )
    try:
        drawn = b""

        def whole() -> bool:
            nonlocal drawn
            if select.select([ours], [], [], 0.1)[0]:
                drawn += os.read(ours, 65536)
            return b"Ctrl-C ends it" in drawn

        wait_until(whole, 20)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        os.close(ours)
        os.close(theirs)
    text = drawn.decode("utf-8", "replace")  # the second frame may be cut anywhere
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text).splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("STREAM"))
    last = next(number for number, line in enumerate(lines) if line.endswith("Ctrl-C ends it"))
    return lines[first : last + 1]


@pytest.fixture
def shell() -> dict[str, str]:
    """The environment of the reader's shell, in an empty folder, with the commands on its path."""
    bin_folder = Path(sys.executable).parent
    environ = {key: value for key, value in os.environ.items() if not key.startswith("WORKSTREAMS_")}
    environ |= {"PATH": f"{bin_folder}:{os.environ['PATH']}", "COLUMNS": "200", "NO_COLOR": "1"}
    environ.pop("REDIS_URL", None)
    return environ


def run(command: str, folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, cwd=folder, env=environ, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.timeout(180)  # fifteen processes, most one after the other
def test_the_tour_works_as_it_is_written(tmp_path: Path, shell: dict[str, str]) -> None:
    for block in BLOCKS:
        if block.role.startswith("file: "):
            file = tmp_path / block.role.removeprefix("file: ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
    up: subprocess.Popen[bytes] | None = None
    log = tmp_path / "up.log"
    ran = 0
    try:
        for block in BLOCKS:
            if block.role == "up":
                with log.open("wb") as stream:
                    up = subprocess.Popen(
                        ["workstreams", "up"], cwd=tmp_path, env=shell, stdout=stream, stderr=stream
                    )
                wait_until(lambda: log.read_bytes().count(b'"worker_started"') == 2, 30)
            if block.role == "watch":
                [(_, printed)] = commands(block)
                drawn = frame(tmp_path, shell, block.text)
                assert len(drawn) == len(printed), drawn
                assert all(alike(line, shown) for line, shown in zip(drawn, printed, strict=True)), drawn
                ran += 1
            if not block.role.startswith("run"):
                continue
            for command, printed in commands(block):
                done = run(command, tmp_path, shell)
                expected_code = int(block.role.rpartition(" ")[2]) if "fails with" in block.role else 0
                assert done.returncode == expected_code, (command, done.stdout, done.stderr)
                lines = (done.stdout + done.stderr).splitlines()
                if block.role == "run: like":
                    assert len(lines) == len(printed), (command, lines)
                    assert all(alike(line, shown) for line, shown in zip(lines, printed, strict=True)), lines
                else:
                    assert [shape(line) for line in lines] == [shape(line) for line in printed], command
                ran += 1
    finally:
        if up is not None:
            up.terminate()
            assert up.wait(30) == 0, log.read_text("utf-8", "replace")
    assert ran >= 10


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.role == "config"])
def test_the_config_shown_is_valid_and_every_key_of_it_holds(block: Block, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "workstreams.yml").write_text(block.text)
    config = load_config(tmp_path / "config", environ={})
    assert set(config.workstreams) == {"mail", "twilio", "imports"}
    assert set(config.schedules) == {"nightly-report"}


@contextlib.contextmanager
def example(app_name: str, server_url: str, tmp_path: Path) -> Iterator[WorkstreamBroker]:
    """Our broker as the global one, with the workstream that the examples name."""
    before = dramatiq.broker.global_broker
    broker = build_broker(config_of(app_name, server_url, tmp_path, {"sms": None}))
    dramatiq.set_broker(broker)
    try:
        yield broker
    finally:
        broker.close()
        dramatiq.broker.global_broker = before


def execute(block: Block) -> None:
    exec(compile(block.text, "README.md", "exec", dont_inherit=True), {"__name__": "example"})


def test_the_sends_shown_send_what_they_say(app_name: str, server_url: str, tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.role == "python")
    with example(app_name, server_url, tmp_path) as broker:
        execute(block)
        assert unfinished(broker.link, "sms") == 1003


def test_the_job_shown_is_followed_to_its_end(app_name: str, server_url: str, tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.role == "python: workers")
    with example(app_name, server_url, tmp_path) as broker:
        broker.declare_queue("sms")
        with working(broker):
            execute(block)


def test_the_block_shown_is_let_in_by_its_limit(app_name: str, server_url: str, tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.role == "python: limit")
    with example(app_name, server_url, tmp_path) as broker:
        limits = {"twilio-account": {"rate": "10/h"}}
        broker.configure(config_of(app_name, server_url, tmp_path, {"sms": {"within": [*limits]}}, limits))
        execute(block)
        [state] = read_status(broker.link, broker.config)
        assert [rate.used for rate in state.rates] == [1]


def test_every_command_that_the_readme_lists_exists() -> None:
    listed = set(re.findall(r"^\| `workstreams (\w+)", README.read_text("utf-8"), re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-m", "workstreams.cli.main", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert listed
    assert all(re.search(rf"^\W*{name}\b", done.stdout, re.MULTILINE) for name in listed), done.stdout
