from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from workstreams.errors import RedisUnsuitable
from workstreams.supervisor.keeper import Served
from workstreams.supervisor.settling import settle
from workstreams.wait.broker import WorkstreamBroker


def settled(broker: WorkstreamBroker) -> list[Mapping[str, Any]]:
    shown: list[Mapping[str, Any]] = []
    assert settle(broker.config, broker.link, Served(broker.link.url), shown.append) == shown
    return shown


def test_the_config_is_in_force_before_anything_runs(broker: WorkstreamBroker) -> None:
    assert settled(broker) == []
    client, keys = broker.link.scripts.client, broker.link.keys
    assert client.smembers(keys.workstreams) == {b"mail"}


def test_what_another_program_wrote_there_is_told_in_one_sentence(broker: WorkstreamBroker) -> None:
    broker.link.scripts.client.set(broker.link.keys.workstreams, "of another program")
    with pytest.raises(RedisUnsuitable, match="give this app another name"):
        settled(broker)
