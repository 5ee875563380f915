from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import redis
import structlog

from tests.promises.swallowing import swallowing
from tests.support import wait_until
from workstreams.admit import listener as module
from workstreams.admit.listener import Listener
from workstreams.store.client import listener_client
from workstreams.store.keys import Keys, wake_channel


class Ear:
    """A listener and what it heard."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.heard: list[tuple[str, float]] = []
        self.clients: list[redis.Redis] = []
        self.listener = Listener(
            lambda: self._connect(url), keys, "s1", lambda ws, wait: self.heard.append((ws, wait))
        )

    def _connect(self, url: str) -> redis.Redis:
        client = listener_client(url)
        # By this name the test finds the connection to break.
        client.connection_pool.connection_kwargs["client_name"] = "ear"
        self.clients.append(client)
        return client


@pytest.fixture
def ear(server_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    # How soon a stopped one ends.
    monkeypatch.setattr(module, "READ", 0.05)
    with listening(server_url, keys) as made:
        yield made


@contextlib.contextmanager
def listening(url: str, keys: Keys) -> Iterator[Ear]:
    made = Ear(url, keys)
    made.listener.start()
    assert made.listener.ready.wait(5)
    wait_until(lambda: len(made.heard) == 2)
    yield made
    made.listener.stop()
    made.listener.join(5)
    assert not made.listener.is_alive()


def test_it_hears_its_own_channel_and_everybodys(ear: Ear, shared_client: redis.Redis, keys: Keys) -> None:
    assert shared_client.publish(wake_channel(keys.root, "s1"), "mail now") == 1
    assert shared_client.publish(wake_channel(keys.root, "all"), "* now") == 1
    assert shared_client.publish(wake_channel(keys.root, "s2"), "text now") == 0
    assert shared_client.publish(wake_channel(keys.root, "s1"), "mail 20000") == 1
    wait_until(lambda: ear.heard[-1] == ("mail", 0.02))
    assert ear.heard[-3:] == [("mail", 0.0), ("*", 0.0), ("mail", 0.02)]


def test_a_message_it_does_not_understand_means_now(ear: Ear, shared_client: redis.Redis, keys: Keys) -> None:
    shared_client.publish(wake_channel(keys.root, "s1"), "mail soon")
    wait_until(lambda: ear.heard[-1] == ("mail", 0.0))


def test_after_a_reconnect_everything_is_asked_for_once_more(
    ear: Ear, shared_client: redis.Redis, keys: Keys
) -> None:
    for _ in range(3):
        before = len(ear.heard)
        [mine] = [one for one in shared_client.client_list(_type="pubsub") if one["name"] == "ear"]
        shared_client.client_kill_filter(_id=mine["id"])
        wait_until(lambda: ("*", 0.0) in ear.heard[before:])  # noqa: B023 - used up before the next round
    wait_until(lambda: shared_client.publish(wake_channel(keys.root, "s1"), "mail now") == 1)
    wait_until(lambda: ear.heard[-1] == ("mail", 0.0))


def test_a_connection_that_falls_silent_without_an_end_is_made_anew(
    server_url: str, shared_client: redis.Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ", 0.05)
    monkeypatch.setattr(module, "SILENCE", 0.3)
    with swallowing(server_url) as way, listening(way.url, keys) as ear:
        # A silent server that lives answers a ping.
        wait_until(lambda: _pinged(shared_client))
        assert len(ear.heard) == 2
        way.silence()
        wait_until(lambda: len(ear.heard) >= 4)
        assert ear.heard[2:] == [("*", 0.0)] * 2
        wait_until(lambda: shared_client.publish(wake_channel(keys.root, "s1"), "mail now") >= 1)
        wait_until(lambda: ear.heard[-1] == ("mail", 0.0))


def _pinged(client: redis.Redis) -> bool:
    return any(one["name"] == "ear" and one["cmd"] == "ping" for one in client.client_list(_type="pubsub"))


def test_an_error_that_nobody_foresaw_is_told_and_it_listens_again(
    server_url: str, keys: Keys, ear: Ear, shared_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(ear.heard)
    with structlog.testing.capture_logs() as said:
        # No wake-up reads like this; its time would be a number without an end.
        shared_client.publish(wake_channel(keys.root, "s1"), "mail " + "9" * 5000)
        wait_until(lambda: ear.heard[before:] == [("*", 0.0)] * 2)
    assert [line["event"] for line in said] == ["listening_failed"]
