from __future__ import annotations

from tests.conftest import MakeConfig
from workstreams.state import read_limits, read_status
from workstreams.state.batches import AT_ONCE
from workstreams.wait.broker import WorkstreamBroker


def test_more_than_one_call_asks_for_are_told_in_their_order(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    names = [f"w{n}" for n in range(2 * AT_ONCE + 1)]
    broker.configure(make_config(**{name: {"concurrency": n + 1} for n, name in enumerate(names)}))
    states = read_status(broker.link, broker.config)
    assert [(one.name, one.concurrency) for one in states] == [(name, n + 1) for n, name in enumerate(names)]
    limits = read_limits(broker.link, broker.config, [(name, "") for name in reversed(names)])
    assert [one.name for one in limits] == names[::-1]


def test_nothing_is_asked_about_nothing(broker: WorkstreamBroker) -> None:
    assert read_status(broker.link, broker.config, []) == []
