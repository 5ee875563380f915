from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Project

READS = [("status",), ("status", "mail"), ("tail", "--no-follow"), ("workers",), ("job", "show", "x")]
COMMANDS = ["up", "init", "worker", "send", "status", "tail", "workers", "check", "schema", "version", "job"]


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_is_printed_and_ends_with_0(call: Command, name: str | None) -> None:
    ended = call(*([name] if name else []), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: workstreams")


def test_help_needs_no_config_and_colours_nothing_in_a_pipe(tmp_path: Path, embedded: Project) -> None:
    (tmp_path / "config" / "workstreams.yml").unlink()
    ended = embedded.run("--help")
    assert ended.code == 0
    assert all(name in ended.out for name in COMMANDS)
    assert "\x1b" not in ended.out


def test_the_help_lists_every_command_with_its_whole_summary(call: Command) -> None:
    listed = call("--help").out.partition("Commands:")[2]
    assert "..." not in listed
    assert listed.split()[0] == "up"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "no such command 'statsu', did you mean 'status'?: see workstreams --help"),
        (
            ["status", "--jsn"],
            "no such option: --jsn (Possible options: --json): see workstreams status --help",
        ),
        (["job", "show"], "missing argument 'ID': see workstreams job show --help"),
        (["worker", "--processes", "0"], "--processes"),
        (["tail", "--level", "loud"], "--level: expected one of debug, info"),
        (["tail", "--after", "x"], "--after: expected the cursor of a line"),
        (["purge", "mail"], '--yes: expected it, to discard jobs of "mail" for good, found nothing'),
        (["dead", "retry"], "ID: expected the ids of dead letters, or --all, found nothing"),
        (["status", "mail", "x"], "unexpected extra argument"),
    ],
)
def test_a_slip_is_one_sentence_with_the_way_out(
    project: Project, call: Command, words: list[str], said: str
) -> None:
    ended = call(*words)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith("error: ")
    assert said in ended.err


def test_a_file_is_named_as_it_is_called_from_here(project: Project, call: Command) -> None:
    project.write("config/workstreams.yml", "workstreams:\n  mail: {raet: 1/s}\n")
    assert call("check").err.startswith("error: config/workstreams.yml:2: workstreams.mail.raet: expected ")


@pytest.mark.parametrize("command", [*READS, ("send", "mail", "greet"), ("check",), ("up",), ("worker",)])
def test_without_a_config_every_command_says_how_to_get_one(call: Command, command: tuple[str, ...]) -> None:
    ended = call(*command)
    assert (ended.code, ended.out) == (2, "")
    assert "workstreams init" in ended.err


def test_all_that_is_wrong_with_a_config_is_told_at_once(project: Project, call: Command) -> None:
    project.write("config/workstreams.yml", "app: [\nworkstreams: {mail: {raet: 1/s}}\n")
    broken = call("status")
    assert broken.code == 2
    assert "workstreams.yml:" in broken.err
    project.write("config/workstreams.yml", "workstreams:\n  mail: {raet: 1/s}\n  free: {timeout: 5}\n")
    ended = call("check")
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 2
    assert ":2:" in ended.err
    assert 'did you mean "rate"' in ended.err
    assert ":3:" in ended.err


@pytest.mark.parametrize("command", [*READS, ("send", "mail", "greet")])
def test_a_server_that_is_away_ends_every_command_with_3_in_time(
    project: Project, call: Command, command: tuple[str, ...]
) -> None:
    project.write("config/workstreams.yml", "redis: redis://:hunter2@127.0.0.1:1/0\nworkstreams: {mail: }\n")
    begun = time.monotonic()
    ended = call(*command)
    assert time.monotonic() - begun < 4
    assert (ended.code, ended.out) == (3, "")
    assert len(ended.err.splitlines()) == 1
    assert "hunter2" not in ended.err


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("command", [*READS, ("send", "mail", "greet")])
def test_when_nothing_runs_here_every_command_says_how_to_start_it(
    call: Command, command: tuple[str, ...]
) -> None:
    ended = call(*command)
    assert (ended.code, ended.out) == (3, "")
    assert "`workstreams up`" in ended.err


@pytest.mark.parametrize("before", [True, False])
def test_the_config_may_be_named_before_or_behind_the_command(
    project: Project, call: Command, before: bool
) -> None:
    (project.folder / "config").rename(project.folder / "elsewhere")
    words = ["--config", "elsewhere", "status"] if before else ["status", "--config", "elsewhere"]
    assert call(*words).code == 0


def test_the_config_may_be_named_by_the_environment_and_the_flag_wins(
    project: Project, call: Command
) -> None:
    (project.folder / "config").rename(project.folder / "elsewhere")
    assert call("status", env={"WORKSTREAMS_CONFIG": "elsewhere"}).code == 0
    assert call("status", "--config", "nowhere", env={"WORKSTREAMS_CONFIG": "elsewhere"}).code == 2


def test_a_reader_that_stops_reading_ends_a_command_without_a_word(project: Project, call: Command) -> None:
    call("send", "free", "greet", "--jsonl", "-", stdin=b'["%s"]\n' % (b"x" * 5000) * 300)
    with project.running("tail", "--no-follow", "-n", "300", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(20)
    assert (code, err) == (141, b"")


@pytest.mark.parametrize("words", [("version",), ("--help",), ("send", "--help")])
def test_a_full_disk_is_told_in_one_sentence(project: Project, words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full, project.start(*words, stdout=full) as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.count(b"\n")) == (1, 1)
    assert err.decode().startswith("error: expected to write the output, found it refused: No space left")


def test_ctrl_c_ends_a_command_without_a_word(project: Project, call: Command) -> None:
    call("send", "free", "greet")
    with project.running("tail") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        code = process.wait(20)
    assert (code, err) == (130, b"")


def test_output_that_the_terminal_cannot_show_is_escaped(project: Project, call: Command) -> None:
    job = call("send", "free", "greet", "größe").out.strip()
    ended = project.run("job", "show", job, env={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0
    assert "gr\\xf6" in ended.out


def test_a_defect_of_ours_shows_where_it_is(
    project: Project, monkeypatch: pytest.MonkeyPatch, call: Command
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("workstreams.state.read_status", broken)
    with pytest.raises(ZeroDivisionError):
        call("status")
