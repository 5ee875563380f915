"""A config built in memory is checked like a file's."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstreams.declare.config import config_from_mapping
from workstreams.errors import ConfigError


def _problems(document: dict[object, object], base: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        config_from_mapping(document, base)  # type: ignore[arg-type]  # wrong on purpose
    return [(problem.path, problem.expected, problem.found) for problem in caught.value.problems]


def test_a_problem_has_a_path_and_no_file(tmp_path: Path) -> None:
    document: dict[object, object] = {"workstreams": {"mail": {"threads": "x"}}}
    assert _problems(document, tmp_path) == [
        ("workstreams.mail.threads", "a whole number from 1 to 1000", '"x"')
    ]


def test_nothing_is_interpolated(tmp_path: Path) -> None:
    [(path, _, found)] = _problems({"app": "${HOME}"}, tmp_path)
    assert (path, found) == ("app", '"${HOME}"')


def test_a_key_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert _problems({"workstreams": {5: 1}}, tmp_path) == [("workstreams", "text as a key", "5")]


def test_a_mapping_within_itself_is_refused(tmp_path: Path) -> None:
    document: dict[object, object] = {}
    document["workstreams"] = document
    assert ("workstreams.workstreams.workstreams", "at most 40 levels", "more") in _problems(
        document, tmp_path
    )


def test_an_object_is_no_value(tmp_path: Path) -> None:
    [(path, expected, _)] = _problems({"app": object()}, tmp_path)
    assert (path, expected[:12]) == ("app", "the name of ")


def test_a_number_of_thousands_of_digits_is_a_problem(tmp_path: Path) -> None:
    [(_, _, found)] = _problems({"web": {"port": 10**5_000}}, tmp_path)
    assert found == "a number with thousands of digits"


def test_the_mapping_is_neither_changed_nor_shared(tmp_path: Path) -> None:
    document = {"workstreams": {"mail": 5}, "worker": {"processes": 1}, "defaults": {"threads": 1}}
    config_from_mapping(document, tmp_path)
    assert document == {"workstreams": {"mail": 5}, "worker": {"processes": 1}, "defaults": {"threads": 1}}


def test_relative_paths_start_from_the_base(tmp_path: Path) -> None:
    config = config_from_mapping({"state_dir": Path("x"), "path": (tmp_path / "y", "z")}, tmp_path)
    assert (config.state_dir, config.path) == (tmp_path / "x", (tmp_path / "y", tmp_path / "z"))
