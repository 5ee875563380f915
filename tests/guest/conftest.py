"""A limit, and somebody who holds all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import workstreams
from tests.conftest import MakeConfig
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def api(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    """A limit of two slots, which mail is within."""
    limits = {"api": {"concurrency": 2}, "slow": {"rate": "4/500ms"}, "tokens": {"rate": "100/h"}}
    broker.configure(
        make_config(limits, mail={"within": ["api", "tokens"], "concurrency": 1, "rate": "50/h"})
    )
    return broker


@pytest.fixture
def inside(api: WorkstreamBroker) -> Iterator[list[Any]]:
    """Somebody else holds both slots, until one of these is popped and left."""
    blocks = [workstreams.limit("api") for _ in range(2)]
    for block in blocks:
        block.__enter__()
    yield blocks
    for block in blocks:
        block.__exit__(None, None, None)
