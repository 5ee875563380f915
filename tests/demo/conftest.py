from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dramatiq.broker
import pytest

from tests.store.servers import real_server
from workstreams.app import build_broker
from workstreams.declare.config import Config, load_config
from workstreams.demo.settings import demo_config
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The demo's config, on a server that is not there unless ``server`` is asked for."""
    path, overrides = demo_config(tmp_path, {})
    return load_config(path, environ={}, overrides={**overrides, "redis": f"unix://{tmp_path}/t.sock"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    with real_server(tmp_path) as socket:
        yield socket


@pytest.fixture
def broker(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkstreamBroker]:
    """A broker of the test's own, global for as long as the test takes."""
    broker = build_broker(config)
    monkeypatch.setattr(dramatiq.broker, "global_broker", broker)
    yield broker
    broker.close()


@pytest.fixture
def jobs(broker: WorkstreamBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The demo's actors, declared on the test's broker."""
    monkeypatch.delitem(sys.modules, "workstreams.demo.jobs", raising=False)
    yield importlib.import_module("workstreams.demo.jobs")
    sys.modules.pop("workstreams.demo.jobs", None)
