"""The config as a whole, and what it answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.declare.config.conftest import Build, Refused
from workstreams.errors import ConfigError, UnknownWorkstream


def test_nothing_declared_is_a_config(build: Build, tmp_path: Path) -> None:
    config = build()
    assert (config.app, config.version, config.redis, config.imports) == ("workstreams", "0", "embedded", ())
    assert (dict(config.limits), dict(config.workstreams), dict(config.schedules)) == ({}, {}, {})
    assert (config.path, config.state_dir, config.files) == ((tmp_path,), tmp_path / ".workstreams", ())


def test_a_workstream_is_found_by_its_name(build: Build) -> None:
    assert build(workstreams={"mail": 5}).workstream("mail").concurrency == 5


def test_an_undeclared_workstream_is_answered_with_the_nearest(build: Build) -> None:
    with pytest.raises(UnknownWorkstream, match='did you mean "mail"'):
        build(workstreams={"mail": 5}).workstream("mial")


def test_every_name_with_limits_is_known(build: Build) -> None:
    assert build(limits={"a": {}}, workstreams={"b": 1}).limit_names == ("a", "b")


def test_a_pool_serves_the_workstreams_that_name_it(build: Build) -> None:
    config = build(
        worker={"pools": {"main": 2, "cpu": 1}},
        workstreams={"a": 1, "b": {"pool": "cpu"}, "c": {"pool": "main"}},
    )
    assert (config.queues("main"), config.queues("cpu")) == (("a", "c"), ("b",))


def test_an_undeclared_pool_is_answered_with_the_nearest(build: Build) -> None:
    with pytest.raises(ConfigError, match=r'a declared pool, found "mian" \(did you mean "main"\?\)'):
        build().queues("mian")


def test_a_config_cannot_be_changed(build: Build) -> None:
    config = build()
    with pytest.raises(ValidationError):
        config.app = "x"


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "redis://localhost",
        "redis://:p%40ss@localhost:6379/0",
        "rediss://user:pw@[::1]:6380/1?ssl_cert_reqs=none",
        "unix:///run/valkey.sock",
        "redis+sentinel://a:26379,b:26379/mymaster",
        "redis+cluster://a:7000",
    ],
)
def test_a_server_is_given_by_its_url(build: Build, url: str) -> None:
    assert build(redis=url).redis == url


@pytest.mark.parametrize(
    "url",
    [
        "embeded",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "unix://",
        "redis://a b",
        "redis://h:port",
        "redis://[::1",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(refused: Refused, url: str) -> None:
    [problem] = refused(f'redis: "{url}"')
    assert (problem.path, problem.line) == ("redis", 1)
    assert problem.expected.startswith(("embedded, or a URL", "a URL with", "the path of a socket"))


@pytest.mark.parametrize(
    ("written", "version"), [("3", "3"), ('"1.10"', "1.10"), ("2024-05-01", "2024-05-01"), ("v7", "v7")]
)
def test_a_version_is_kept_as_it_was_written(load: Build, written: str, version: str) -> None:
    assert load(f"version: {written}").version == version


def test_a_version_that_yaml_would_shorten_is_refused(refused: Refused) -> None:
    [problem] = refused("version: 1.10")
    assert (problem.found, problem.hint) == ("1.10", "put it in quotes")


def test_a_version_out_of_a_variable_is_kept_as_it_is(load: Build) -> None:
    assert load("version: ${V}", {"V": "1.10"}).version == "1.10"


@pytest.mark.parametrize("module", ["shop-jobs", "shop/jobs.py", ".jobs", "", "5"])
def test_what_is_no_module_is_refused(refused: Refused, module: str) -> None:
    [problem] = refused(f"import: ['{module}']")
    assert (problem.path, problem.expected) == ("import[0]", "the name of a module")


def test_one_module_needs_no_list(build: Build) -> None:
    assert build(**{"import": "shop.jobs"}).imports == ("shop.jobs",)


def test_an_unknown_key_is_answered_with_the_nearest(refused: Refused) -> None:
    [problem] = refused("app: x\nwrkstreams: {}\n")
    assert (problem.path, problem.line, problem.found) == ("wrkstreams", 2, "wrkstreams")
    assert (problem.expected, problem.hint) == ("a known key", 'did you mean "workstreams"?')


@pytest.mark.parametrize("key", ["files", "imports", "_files"])
def test_a_name_of_the_inside_is_no_key(refused: Refused, key: str) -> None:
    assert [problem.expected for problem in refused(f"{key}: [x]")] == ["a known key"]
