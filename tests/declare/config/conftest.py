"""Writes configs and collects what is wrong with them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workstreams.declare.config import Config, config_from_mapping, load_config
from workstreams.declare.config.later import LATER
from workstreams.errors import ConfigError, Problem

Write = Callable[..., Path]
Refused = Callable[..., list[Problem]]
Build = Callable[..., Config]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files under the config folder by name; the folder comes back."""

    def write_files(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            file = tmp_path / "config" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path / "config"

    return write_files


@pytest.fixture
def load(tmp_path: Path) -> Build:
    """Load one file with the given text."""

    def load_text(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> Config:
        file = tmp_path / "workstreams.yml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_config(file, environ=environ or {}, **more)

    return load_text


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build a config from keyword arguments."""

    def build_mapping(**document: Any) -> Config:
        return config_from_mapping(document, tmp_path)

    return build_mapping


@pytest.fixture
def refused(load: Build) -> Refused:
    """The problems of one file with the given text."""

    def problems(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            load(text, environ, **more)
        return list(caught.value.problems)

    return problems


@pytest.fixture
def everything_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this version held to every key: the models behind refused keys are tested too."""
    for path in list(LATER):
        monkeypatch.delitem(LATER, path)
