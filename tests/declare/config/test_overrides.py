"""The environment beats the files, and flags beat the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config.overrides import OVERRIDABLE

FILE = "app: file\nlogs: {level: error, format: json}\n"


def test_a_flag_beats_a_variable_which_beats_the_file(load: Build) -> None:
    environ = {"WORKSTREAMS_LOGS__LEVEL": "debug", "WORKSTREAMS_APP": "env"}
    config = load(FILE, environ, overrides={"logs.level": "warning"})
    assert (config.app, config.logs.level, config.logs.format) == ("env", "warning", "json")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("app", "shop", "shop"),
        ("version", "1.10", "1.10"),
        ("redis", "redis://h", "redis://h"),
        ("state_dir", "/var/lib/w", Path("/var/lib/w")),
        ("worker.lease", "2s", 2_000_000),
        ("worker.grace", "0s", 0),
        ("worker.max_deliveries", "5", 5),
        ("logs.level", "debug", "debug"),
        ("logs.format", "json", "json"),
        ("web.host", "0.0.0.0", "0.0.0.0"),
        ("web.port", "9000", 9_000),
        ("web.token", "12345", "12345"),
    ],
)
def test_a_variable_and_a_flag_set_the_same_key(load: Build, key: str, text: str, value: object) -> None:
    variable = "WORKSTREAMS_" + key.upper().replace(".", "__")
    for config in (load("", {variable: text}), load("", overrides={key: text})):
        found: object = config
        for part in key.split("."):
            found = getattr(found, part)
        assert found == value


def test_every_key_that_can_be_set_is_set_by_a_test_above() -> None:
    [keys] = [
        {case[0] for case in mark.args[1]}
        for mark in test_a_variable_and_a_flag_set_the_same_key.pytestmark  # type: ignore[attr-defined]  # pytest sets it
    ]
    assert keys | {"worker.processes"} == set(OVERRIDABLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worker: {processes: 2}",
        "worker: {pools: {main: 2}}",
        "worker: {pools: {main: {processes: 2}}}",
        "worker:",
    ],
)
def test_processes_are_set_however_the_file_writes_them(load: Build, text: str) -> None:
    config = load(text, {"WORKSTREAMS_WORKER__PROCESSES": "7"})
    assert config.worker.pools["main"].processes == 7


def test_a_bad_value_in_a_variable_names_the_variable(refused: Refused) -> None:
    [problem] = refused(FILE, {"WORKSTREAMS_LOGS__LEVEL": "loud"})
    assert (problem.path, problem.file, problem.line) == ("logs.level", None, None)
    assert (problem.found, problem.hint) == ('"loud"', "from the variable WORKSTREAMS_LOGS__LEVEL")


def test_a_duration_without_unit_in_a_variable_is_refused(refused: Refused) -> None:
    [problem] = refused("", {"WORKSTREAMS_WORKER__LEASE": "15"})
    assert (problem.path, problem.found) == ("worker.lease", "15")


def test_a_bad_flag_is_told_as_a_flag(refused: Refused) -> None:
    [problem] = refused(FILE, overrides={"web.port": "x"})
    assert (problem.path, problem.found, problem.hint) == ("web.port", '"x"', "from a flag")


def test_a_variable_of_another_purpose_is_let_be(load: Build) -> None:
    environ = {"WORKSTREAMS_WEB_PORT": "x", "WORKSTREAMS_TOKEN": "x", "WORKSTREAMS_DEFAULTS__THREADS": "x"}
    assert load("", environ).web.port == 8642


def test_an_empty_variable_sets_nothing(load: Build) -> None:
    assert load(FILE, {"WORKSTREAMS_APP": ""}).app == "file"


def test_an_unknown_flag_is_refused_with_the_nearest(refused: Refused) -> None:
    [problem] = refused("", overrides={"log.level": "info"})
    assert (problem.found, problem.hint) == ('"log.level"', 'did you mean "logs.level"?')


def test_a_state_dir_out_of_the_environment_starts_from_the_working_directory(
    load: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load("", {"WORKSTREAMS_STATE_DIR": "state"}).state_dir == tmp_path / "elsewhere" / "state"


def test_a_section_that_is_no_mapping_stays_the_problem_it_is(refused: Refused) -> None:
    [problem] = refused("logs: 5", {"WORKSTREAMS_LOGS__LEVEL": "debug"})
    assert (problem.path, problem.found, problem.line) == ("logs", "5", 1)
