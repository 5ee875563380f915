"""Where a config is looked for, and which files are read at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.declare.config.conftest import Write
from workstreams.declare.config import load_config
from workstreams.declare.config.sources import MAX_BYTES, find_sources
from workstreams.errors import ConfigError, Problem


def _refused(path: Path | str | None, environ: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ=environ or {})
    return list(caught.value.problems)


def test_a_path_beats_the_variable_which_beats_the_folder_config(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"workstreams.yml": "app: folder", "../variable.yml": "app: variable", "../path.yml": "app: path"})
    monkeypatch.chdir(tmp_path)
    environ = {"WORKSTREAMS_CONFIG": "variable.yml"}
    assert load_config("path.yml", environ=environ).app == "path"
    assert load_config(environ=environ).app == "variable"
    assert load_config(environ={}).app == "folder"
    assert load_config(environ={"WORKSTREAMS_CONFIG": ""}).app == "folder"


def test_the_variables_of_the_process_are_read_when_none_are_given(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSTREAMS_CONFIG", str(write({"workstreams.yml": "app: here"})))
    assert load_config().app == "here"


def test_no_config_at_all_tells_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [problem] = _refused(None)
    assert problem.file == tmp_path / "config"
    assert "workstreams init" in problem.hint


def test_a_variable_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    [problem] = _refused(None, {"WORKSTREAMS_CONFIG": str(tmp_path / "nowhere")})
    assert (problem.found, problem.file) == ("nothing there", tmp_path / "nowhere")
    assert problem.hint.endswith("from the variable WORKSTREAMS_CONFIG")


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    [problem] = _refused(tmp_path)
    assert problem.found == "no workstreams.yml in it"


def test_a_folder_is_read_in_order(write: Write) -> None:
    folder = write(
        {
            "workstreams.d/b.yml": "limits: {b: {}}",
            "workstreams.d/a.yml": "limits: {a: {}}",
            "workstreams.d/.hidden.yml": "limits: {hidden: {}}",
            "workstreams.d/README.md": "limits: {readme: {}}",
            "schedules.yml": "",
            "workstreams.yml": "limits: {first: {}}",
        }
    )
    config = load_config(folder, environ={})
    assert list(config.limits) == ["first", "a", "b"]
    names = ["workstreams.yml", "schedules.yml", "workstreams.d/a.yml", "workstreams.d/b.yml"]
    assert config.files == tuple(folder / name for name in names)


@pytest.mark.parametrize("name", ["workstreams.yaml", "schedules.yaml", "workstreams.d/a.yaml"])
def test_a_file_that_its_ending_would_leave_out_is_refused(write: Write, name: str) -> None:
    folder = write({"workstreams.yml": "", name: ""})
    [problem] = _refused(folder)
    assert (problem.file, problem.expected) == (folder / name, "a name that ends in .yml")


def test_a_file_over_a_mebibyte_is_refused(write: Write) -> None:
    folder = write({"workstreams.yml": "#" * (MAX_BYTES + 1)})
    assert [problem.found for problem in _refused(folder)] == ["a larger file"]


def test_bytes_that_are_no_utf_8_are_refused_with_their_line(write: Write) -> None:
    folder = write({"workstreams.yml": ""})
    (folder / "workstreams.yml").write_bytes(b"app: x\nredis: \xff\n")
    [problem] = _refused(folder)
    assert (problem.expected, problem.line) == ("text in UTF-8", 2)


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    folder = write({"workstreams.yml": ""})
    (folder / "workstreams.yml").write_bytes(b"\xef\xbb\xbfapp: x\n")
    assert load_config(folder, environ={}).app == "x"


def test_what_cannot_be_read_is_a_problem(write: Write) -> None:
    folder = write({"workstreams.yml/inside": ""})
    [problem] = _refused(folder)
    assert (problem.expected, problem.found) == ("a file that can be read", "is a directory")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5_000])
def test_a_path_that_no_file_can_have_is_a_problem(path: str) -> None:
    assert len(_refused(path)) == 1


def test_a_linked_folder_is_where_its_link_is(write: Write, tmp_path: Path) -> None:
    folder = write({"workstreams.yml": ""})
    (tmp_path / "project").mkdir()
    link = tmp_path / "project" / "config"
    link.symlink_to(folder)
    assert find_sources(link, {}).base == tmp_path / "project"
