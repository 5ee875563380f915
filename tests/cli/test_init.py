from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from workstreams.declare.config import load_config


def test_the_written_config_is_a_valid_one_and_says_what_is_next(call: Command, tmp_path: Path) -> None:
    ended = call("init")
    assert (ended.code, ended.err) == (0, "")
    config = load_config(tmp_path / "config", environ={})
    assert list(config.workstreams) == ["default", "mail"]
    assert config.redis == "embedded"
    assert all(word in ended.out for word in ("jobs.py", "workstreams check", "workstreams up"))
    assert call("check").code == 0


def test_every_commented_key_of_the_written_config_is_a_known_one(call: Command, tmp_path: Path) -> None:
    call("init")
    file = tmp_path / "config/workstreams.yml"
    lines = file.read_text().splitlines()
    kept = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and ":" in line else line
        for line in lines[3:]
    ]
    file.write_text("\n".join(kept))
    config = load_config(tmp_path / "config", environ={})
    assert config.workstreams["mail"].within == ("upstream-account",)
    assert config.workstreams["mail"].rates[0].burst == 1


def test_a_config_that_is_there_is_left_as_it_is(call: Command, tmp_path: Path) -> None:
    file = tmp_path / "config/workstreams.yml"
    file.parent.mkdir()
    file.write_text("mine")
    ended = call("init")
    assert (ended.code, ended.out) == (2, "")
    assert "it is left as it is" in ended.err
    assert file.read_text() == "mine"


@pytest.mark.parametrize("where", ["elsewhere", "elsewhere/own.yml"])
def test_it_is_written_where_the_flag_says(call: Command, tmp_path: Path, where: str) -> None:
    assert call("init", "--config", where).code == 0
    assert load_config(tmp_path / where, environ={}).app == "myapp"


def test_a_place_that_cannot_be_written_is_told(call: Command, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    ended = call("init")
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
