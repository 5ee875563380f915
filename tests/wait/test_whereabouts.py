from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeConfig
from tests.support import config_of
from workstreams.declare.config import Config
from workstreams.errors import ConfigError, NothingRunsHere
from workstreams.wait import whereabouts
from workstreams.wait.whereabouts import Whereabouts, link_of, url_of


def test_a_config_is_read_once_however_many_threads_ask_first(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, asked = [], threading.Barrier(4)
    config = make_config(mail=None)

    def load(source: Any) -> Config:
        reads.append(source)
        return config

    monkeypatch.setattr(whereabouts, "load_config", load)
    found: list[Config] = []
    where = Whereabouts("some.yml")

    def ask() -> None:
        asked.wait()
        found.append(where.config)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (reads, found) == (["some.yml"], [config] * 4)


def test_a_config_that_could_not_be_read_is_looked_for_again(tmp_path: Path) -> None:
    where = Whereabouts(tmp_path / "workstreams.yml")
    with pytest.raises(ConfigError):
        _ = where.config
    (tmp_path / "workstreams.yml").write_text("workstreams: {mail: 5}\n")
    assert list(where.config.workstreams) == ["mail"]


def test_another_config_has_another_way_to_its_server(make_config: MakeConfig) -> None:
    where = Whereabouts(make_config(mail=None))
    before = where.link
    where.move(make_config(text=None))
    assert list(where.config.workstreams) == ["text"]
    assert where.link is not before
    assert where.link is where.link


def test_a_closed_way_is_opened_again_when_it_is_needed(make_config: MakeConfig) -> None:
    where = Whereabouts(make_config(mail=None))
    where.link.scripts.client.ping()
    where.close()
    assert where.link.scripts.client.ping()


def test_where_no_embedded_server_is_up_the_error_says_so_at_the_first_call_and_not_before(
    tmp_path: Path,
) -> None:
    config = config_of("t", "embedded", tmp_path, {"mail": None})
    link = link_of(config)
    with pytest.raises(NothingRunsHere):
        _ = link.scripts
    with pytest.raises(NothingRunsHere):
        url_of(config)
