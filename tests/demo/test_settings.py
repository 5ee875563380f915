from __future__ import annotations

from pathlib import Path

import pytest

import workstreams.demo
from workstreams.declare.config import load_config
from workstreams.demo.settings import demo_config, folder_of, receiver_of
from workstreams.errors import ConfigError

REPOSITORY = Path(workstreams.demo.__file__).parents[2]


def test_the_demo_config_is_valid_and_declares_what_the_demo_uses(tmp_path: Path) -> None:
    path, overrides = demo_config(tmp_path, {})
    config = load_config(path, environ={}, overrides=overrides)
    assert list(config.workstreams) == ["webhooks", "files", "reports"]
    assert [(rate.permits, rate.window) for rate in config.workstream("webhooks").rates] == [(20, 1_000_000)]
    assert config.workstream("files").concurrency == 2
    assert config.imports == ("workstreams.demo.jobs",)
    assert config.redis == "embedded"


def test_the_demo_keeps_its_state_in_the_users_folder_and_puts_nothing_on_the_path(tmp_path: Path) -> None:
    path, overrides = demo_config(tmp_path, {})
    config = load_config(path, environ={}, overrides=overrides)
    assert config.state_dir == tmp_path / ".workstreams"
    assert config.path == ()


def test_a_state_folder_set_in_the_environment_is_left_alone(tmp_path: Path) -> None:
    environ = {"WORKSTREAMS_STATE_DIR": str(tmp_path / "elsewhere")}
    path, overrides = demo_config(tmp_path, environ)
    assert load_config(path, environ=environ, overrides=overrides).state_dir == tmp_path / "elsewhere"


def test_the_demo_uses_the_redis_that_the_environment_names(tmp_path: Path) -> None:
    path, overrides = demo_config(tmp_path, {})
    environ = {"REDIS_URL": "redis://redis:6379/0"}
    assert load_config(path, environ=environ, overrides=overrides).redis == environ["REDIS_URL"]


def test_the_example_config_of_the_repository_is_valid() -> None:
    config = load_config(REPOSITORY / "config", environ={})
    assert config.app == "example"
    assert config.state_dir == REPOSITORY / ".workstreams"


def test_the_defaults_that_the_example_shows_commented_out_are_the_defaults(tmp_path: Path) -> None:
    text = (REPOSITORY / "config" / "workstreams.yml").read_text()
    (tmp_path / "config").mkdir()
    shown = tmp_path / "config" / "workstreams.yml"
    shown.write_text("\n".join(uncommented(line) for line in text.splitlines()))
    everything = load_config(shown, environ={})
    plain = load_config(REPOSITORY / "config", environ={})
    for name in ("version", "worker", "logs", "web"):
        assert getattr(everything, name) == getattr(plain, name), name
    for name, shown_one in everything.workstreams.items():
        plain_one = plain.workstream(name)
        assert shown_one.rates == plain_one.rates
        assert shown_one.model_copy(update={"margin": None}) == plain_one


def uncommented(line: str) -> str:
    """The line with its setting in force, if it is a setting that is commented out."""
    body = line.lstrip()
    setting = body.startswith("# ") and body[2:].split(":")[0].isidentifier() and ": " in body
    return line.replace("# ", "", 1) if setting else line


def test_the_folder_to_hash_is_the_package_itself_unless_another_is_named(tmp_path: Path) -> None:
    assert folder_of({}) == Path(workstreams.__file__).parent
    assert folder_of({"WORKSTREAMS_DEMO_FOLDER": str(tmp_path)}) == tmp_path


def test_a_folder_that_is_not_there_is_told_with_the_variable_that_named_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"WORKSTREAMS_DEMO_FOLDER: expected a folder .*gone"):
        folder_of({"WORKSTREAMS_DEMO_FOLDER": str(tmp_path / "gone")})


def test_the_receiver_is_found_in_the_environment() -> None:
    assert receiver_of({"WORKSTREAMS_DEMO_RECEIVER": "http://127.0.0.1:4711"}) == ("127.0.0.1", 4711)


@pytest.mark.parametrize("url", ["", "127.0.0.1", "http://127.0.0.1", "http://127.0.0.1:port", "http://[::1"])
def test_without_a_usable_receiver_the_user_is_told_what_starts_one(url: str) -> None:
    with pytest.raises(ConfigError, match="up --demo"):
        receiver_of({"WORKSTREAMS_DEMO_RECEIVER": url})
