from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import redis

from tests.store.servers import real_server
from workstreams.errors import RedisUnsuitable
from workstreams.store.check import ServerFacts, require_suitable, server_facts, suitability
from workstreams.store.client import producer_client
from workstreams.store.embedded import EmbeddedServer

GOOD = ServerFacts("redis", (7, 2, 4), 0, "noeviction", aof=True, save="", cluster=False)


def test_our_own_server_is_suitable_without_a_warning(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        facts = server_facts(producer_client(server.url))
    assert facts.policy == "noeviction"
    assert facts.aof
    assert facts.save == ""
    assert suitability(facts) == ((), ())
    assert require_suitable(facts) == ()


def test_the_version_of_a_valkey_is_its_own_and_not_the_one_it_shows_old_clients(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        facts = server_facts(producer_client(server.url))
        written = (tmp_path / "engine").read_text().strip()
    assert str(facts) == written
    assert facts.version >= (7, 0)


def test_eviction_and_missing_persistence_of_a_real_server_are_warned_about(tmp_path: Path) -> None:
    settings = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--save", "")
    with real_server(tmp_path, *settings) as path:
        facts = server_facts(producer_client(f"unix://{path}"))
    assert facts.maxmemory == 64 * 2**20
    errors, warnings = suitability(facts)
    assert errors == ()
    assert len(warnings) == 2
    assert "found allkeys-lru" in warnings[0]
    assert "found persistence off" in warnings[1]


def test_a_server_that_forbids_config_is_judged_by_its_info(tmp_path: Path) -> None:
    with real_server(tmp_path, "--maxmemory-policy", "volatile-ttl", "--save", "") as path:
        admin = producer_client(f"unix://{path}")
        admin.acl_setuser("app", enabled=True, nopass=True, categories=["+@all"], commands=["-config"])
        facts = server_facts(producer_client(f"unix://app:any@{path}"))
    assert facts.save is None
    assert facts.policy == "volatile-ttl"
    assert not facts.aof
    assert any("appendonly no" in warning for warning in suitability(facts)[1])


def test_snapshots_alone_are_warned_about_as_snapshots() -> None:
    (warning,) = suitability(dataclasses.replace(GOOD, aof=False, save="3600 1"))[1]
    assert 'snapshots only (save "3600 1")' in warning


@pytest.mark.parametrize(
    ("change", "part"),
    [({"version": (6, 2, 14)}, "found redis 6.2.14"), ({"cluster": True}, "a node of a Cluster")],
)
def test_a_server_that_cannot_hold_the_promises_is_refused(change: dict[str, object], part: str) -> None:
    with pytest.raises(RedisUnsuitable, match=part):
        require_suitable(dataclasses.replace(GOOD, **change))


def test_every_sentence_says_what_was_expected_and_what_was_found() -> None:
    bad = ServerFacts("redis", (6,), 1, "allkeys-lru", aof=False, save=None, cluster=True)
    errors, warnings = suitability(bad)
    assert len(errors) == len(warnings) == 2
    for sentence in errors + warnings:
        assert sentence.startswith("expected ")
        assert ", found " in sentence
        assert ": " in sentence


def test_a_server_that_still_reads_its_data_is_not_judged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    client = producer_client("redis://127.0.0.1:1")
    found = {"redis_version": "7.2.4", "loading": 1, "aof_enabled": 0}
    monkeypatch.setattr(client, "info", lambda: found)
    with pytest.raises(redis.BusyLoadingError):
        server_facts(client)
