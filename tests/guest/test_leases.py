"""A block is leased as long as it is open, and says so when its lease was lost."""

from __future__ import annotations

import time

import pytest

import workstreams
from tests.conftest import MakeConfig
from tests.guest.support import held, threads
from tests.support import wait_until
from workstreams.errors import LimitTimeout
from workstreams.wait.broker import WorkstreamBroker


def test_a_thread_renews_while_blocks_are_open_and_no_longer(
    api: WorkstreamBroker, make_config: MakeConfig
) -> None:
    api.configure(make_config({"api": {"concurrency": 2}}, worker={"lease": "1s"}, mail={"within": ["api"]}))
    client, keys = api.link.scripts.client, api.link.keys
    wait_until(lambda: threads() == [])
    with workstreams.limit("api"), workstreams.limit("api") as block:
        assert threads() == ["workstreams-limits"]
        first = dict(client.zrange(keys.sessions, 0, -1, withscores=True))
        wait_until(
            lambda: (
                min(dict(client.zrange(keys.sessions, 0, -1, withscores=True)).values()) > max(first.values())
            )
        )
        # Longer than the lease, with somebody who looks for those that ran out.
        until = time.monotonic() + 1.3
        while time.monotonic() < until:
            with pytest.raises(LimitTimeout), workstreams.limit("api", timeout="100ms"):
                pass
        assert held(api) == 2
        assert not block.lost
    wait_until(lambda: threads() == [])
    assert client.zcard(keys.sessions) == 0


def test_a_block_whose_lease_was_lost_says_so_and_gives_back_nothing_of_others(
    api: WorkstreamBroker, make_config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    api.configure(make_config({"api": {"concurrency": 1}}, mail={"within": ["api"]}))
    client, keys = api.link.scripts.client, api.link.keys
    with workstreams.limit("api") as block:
        # As if this process had been frozen.
        [sid] = client.zrange(keys.sessions, 0, -1)
        client.zadd(keys.sessions, {sid: 1})
        with workstreams.limit("api", timeout="10s"):
            assert held(api) == 1
            block.__exit__(None, None, None)
            assert held(api) == 1
    assert block.lost
    assert capsys.readouterr().out.count("limit_lost") == 1


def test_a_renewal_tells_of_a_lost_lease_while_the_block_goes_on(
    api: WorkstreamBroker, make_config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    api.configure(make_config({"api": {"concurrency": 1}}, worker={"lease": "1s"}, mail={"within": ["api"]}))
    client, keys = api.link.scripts.client, api.link.keys
    with workstreams.limit("api") as block:
        [sid] = client.zrange(keys.sessions, 0, -1)
        client.delete(keys.sessions, keys.session(sid.decode()))
        wait_until(lambda: block.lost)
    assert capsys.readouterr().out.count("limit_lost") == 1
