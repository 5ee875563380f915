"""Defaults under each workstream, and paths from the file they stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.declare.config.conftest import Build, Refused, Write
from workstreams.declare.config import load_config


def test_defaults_are_those_of_every_workstream(build: Build) -> None:
    config = build(
        defaults={"threads": 3, "timeout": "1m"}, workstreams={"a": None, "b": 5, "c": {"threads": 9}}
    )
    assert [config.workstream(name).threads for name in "abc"] == [3, 3, 9]
    assert [config.workstream(name).timeout for name in "abc"] == [60_000_000] * 3
    assert config.workstream("b").concurrency == 5


def test_defaults_do_not_change_shared_limits(build: Build) -> None:
    assert build(defaults={"concurrency": 1}, limits={"a": {}}).limits["a"].concurrency is None


def test_what_a_workstream_leaves_out_of_a_section_is_taken_from_the_defaults(build: Build) -> None:
    config = build(
        defaults={"retries": {"max": 3, "jitter": 0}, "keep": {"dead": {"count": 5}}},
        workstreams={"a": {"retries": {"jitter": 1}}, "b": {"retries": 7, "keep": {"dead": {"age": "1d"}}}},
    )
    a, b = config.workstream("a"), config.workstream("b")
    assert (a.retries.max, a.retries.jitter) == (3, 1.0)
    assert (b.retries.max, b.retries.jitter, b.keep.dead.count) == (7, 0.0, 5)


def test_a_short_form_in_the_defaults_is_taken_apart_too(build: Build) -> None:
    config = build(defaults={"retries": 3}, workstreams={"a": {"retries": {"jitter": 1}}})
    assert (config.workstream("a").retries.max, config.workstream("a").retries.jitter) == (3, 1.0)


def test_a_rate_replaces_that_of_the_defaults_whole(build: Build) -> None:
    config = build(
        defaults={"rate": {"rate": "10/s", "burst": 1}},
        workstreams={"a": {"rate": {"rate": "5/s"}}, "b": {"rate": None}},
    )
    assert [(rate.permits, rate.burst) for rate in config.workstream("a").rates] == [(5, None)]
    assert config.workstream("b").rates == ()


def test_a_wrong_default_is_told_once_where_it_stands(refused: Refused) -> None:
    problems = refused("defaults:\n  timeout: 30\n  thraeds: 8\nworkstreams: {a: 1, b: 2}\n")
    assert [(problem.path, problem.line) for problem in problems] == [
        ("defaults.timeout", 2),
        ("defaults.thraeds", 3),
    ]


def test_a_wrong_default_is_told_even_if_no_workstream_has_it(refused: Refused) -> None:
    [problem] = refused("defaults: {timeout: 30}\n")
    assert problem.path == "defaults.timeout"


def test_a_default_that_does_not_fit_a_workstream_names_it(refused: Refused) -> None:
    [problem] = refused("defaults:\n  read_ahead: 2\nworkstreams: {a: 1, b: {}}\n")
    assert (problem.path, problem.line, problem.found) == ("defaults.read_ahead", 2, "2")
    assert problem.hint == "in workstreams.a"


def test_a_burst_in_the_defaults_needs_no_rate_there(build: Build) -> None:
    config = build(defaults={"burst": 1}, workstreams={"a": {"rate": "5/s"}})
    assert config.workstream("a").rates[0].burst == 1


@pytest.mark.parametrize("defaults", ["5", "[a]"])
def test_defaults_that_are_no_mapping_are_refused(refused: Refused, defaults: str) -> None:
    [problem] = refused(f"defaults: {defaults}\nworkstreams: {{a: 1}}\n")
    assert (problem.path, problem.expected) == ("defaults", "a mapping of keys of a workstream")


def test_a_path_starts_from_the_file_it_stands_in(write: Write, tmp_path: Path) -> None:
    folder = write(
        {
            "workstreams.yml": "path: [.., lib, /opt/x]\nstate_dir: ../.state\n",
            "workstreams.d/more.yml": "path: lib\n",
        }
    )
    config = load_config(folder, environ={})
    assert config.path == (tmp_path, folder / "lib", Path("/opt/x"), folder / "workstreams.d" / "lib")
    assert config.state_dir == tmp_path / ".state"


def test_a_config_folder_lies_in_its_project(write: Write, tmp_path: Path) -> None:
    config = load_config(write({"workstreams.yml": ""}), environ={})
    assert (config.path, config.state_dir) == ((tmp_path,), tmp_path / ".workstreams")


def test_a_single_file_lies_in_its_project(write: Write) -> None:
    folder = write({"workstreams.yml": ""})
    config = load_config(folder / "workstreams.yml", environ={})
    assert (config.path, config.state_dir) == ((folder,), folder / ".workstreams")


def test_paths_are_absolute_wherever_it_is_read_from(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"workstreams.yml": ""})
    monkeypatch.chdir(tmp_path)
    config = load_config("config", environ={})
    assert (config.path, config.state_dir) == ((tmp_path,), tmp_path / ".workstreams")


@pytest.mark.parametrize(
    ("line", "path"), [("path: [5]", "path[0]"), ("state_dir: 4", "state_dir"), ("path: {}", "path")]
)
def test_what_is_no_path_is_refused(refused: Refused, line: str, path: str) -> None:
    [problem] = refused(line)
    assert (problem.path, problem.expected) == (path, "the path of a folder")
