"""One real Valkey for a whole run of tests; each test has an app, and so a namespace, of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dramatiq
import dramatiq.broker
import pytest
import redis

from tests.support import config_of
from workstreams.app import build_broker
from workstreams.declare.config import Config
from workstreams.store.client import worker_client
from workstreams.store.embedded import EmbeddedServer
from workstreams.store.keys import Keys
from workstreams.wait.broker import WorkstreamBroker

MakeConfig = Callable[..., Config]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a real server that all tests share: never flush it."""
    # A short folder: the path of a unix socket holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="wst"))
    try:
        with EmbeddedServer(folder) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_client(server_url: str) -> Iterator[redis.Redis]:
    """A client of the shared server, which waits for as long as a busy machine holds it up."""
    with worker_client(server_url) as client:
        client.connection_pool.connection_kwargs["socket_timeout"] = 30.0
        yield client


@pytest.fixture
def app_name() -> str:
    """An app that no other test has."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def keys(app_name: str) -> Keys:
    """The keys of this test's app."""
    return Keys(app_name)


@pytest.fixture
def make_config(app_name: str, server_url: str, tmp_path: Path) -> MakeConfig:
    """Make a config of this test's app: ``make_config(mail={"rate": "5/s"}, limits={...})``."""

    def make(limits: Any = None, worker: Any = None, version: str = "1", **workstreams: Any) -> Config:
        more = {"worker": worker} if worker else {}
        return config_of(app_name, server_url, tmp_path, workstreams, limits, version=version, **more)

    return make


@pytest.fixture
def broker(make_config: MakeConfig) -> Iterator[WorkstreamBroker]:
    """Our broker as Dramatiq's global one, with a workstream ``mail``; configure it for others."""
    before = dramatiq.broker.global_broker
    made = build_broker(make_config(mail=None))
    dramatiq.set_broker(made)
    try:
        yield made
    finally:
        made.close()
        dramatiq.broker.global_broker = before
