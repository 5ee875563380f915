from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import dramatiq.broker
import pytest

import workstreams
from tests.conftest import MakeConfig
from workstreams.errors import RedisUnsuitable
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def bare(make_config: MakeConfig) -> Iterator[WorkstreamBroker]:
    """A broker that a program made by itself, of a process that only sends."""
    before = dramatiq.broker.global_broker
    made = WorkstreamBroker(make_config({"api": {"concurrency": 2}}, mail=None))
    dramatiq.set_broker(made)
    yield made
    made.close()
    dramatiq.broker.global_broker = before


def test_a_broker_that_was_made_by_hand_lets_blocks_in_and_keeps_one_desk_for_them(
    bare: WorkstreamBroker,
) -> None:
    with workstreams.limit("api") as first, workstreams.limit("api") as second:
        assert not first.lost
        assert not second.lost
        holders = bare.link.scripts.client.zrange(bare.link.keys.limit("api", "holders"), 0, -1)
    assert len({holder.partition(b".")[0] for holder in holders}) == 1


def test_limits_that_cannot_be_published_over_something_else_are_told_in_one_sentence(
    bare: WorkstreamBroker,
) -> None:
    bare.link.scripts.client.set(bare.link.keys.workstreams, "of another program")
    with pytest.raises(RedisUnsuitable, match="give this app another name"), workstreams.limit("api"):
        """Never inside."""
