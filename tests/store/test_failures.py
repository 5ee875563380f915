from __future__ import annotations

from pathlib import Path

import pytest
import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.store.servers import real_server
from workstreams.errors import RedisUnavailable
from workstreams.store.client import ping, producer_client, redis_errors

URL = "redis://user:s3cret@host:1/2"

#: Errors that a test cannot make a lone server give, as redis-py raises them.
RARE = [
    (exceptions.ClusterDownError("down"), "cluster or its primary down"),
    (exceptions.MasterDownError("down"), "cluster or its primary down"),
    (exceptions.MovedError("1 127.0.0.1:7000"), "one node of a Cluster"),
    (exceptions.ConnectionError(), "the connection lost"),
    (exceptions.MaxConnectionsError("Too many connections"), "Too many connections"),
    (exceptions.ResponseError("MISCONF Errors writing to the AOF file"), "its disk refuses"),
    (
        exceptions.ResponseError("Command # 1 (SET k v) of pipeline caused error: MISCONF x"),
        "its disk refuses",
    ),
    (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), "too few of them"),
    (exceptions.ResponseError("DENIED Redis is running in protected mode"), "protected mode"),
]


@pytest.mark.parametrize(("error", "part"), RARE)
def test_a_failure_of_the_server_becomes_one_sentence(error: redis.RedisError, part: str) -> None:
    with pytest.raises(RedisUnavailable) as caught, redis_errors(URL):
        raise error
    sentence = str(caught.value)
    assert part in sentence
    assert sentence.startswith("expected ")
    assert ", found " in sentence
    assert "redis://host:1/2" in sentence
    assert "s3cret" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoScriptError("No matching script"),
        exceptions.ResponseError("ERR user_script:3: attempt to index a nil value"),
        exceptions.ResponseError("BUSYGROUP Consumer Group name already exists"),
        exceptions.DataError("Invalid input of type: 'set'"),
        exceptions.WatchError("Watched variable changed."),
        ValueError("not of Redis at all"),
    ],
)
def test_our_own_mistakes_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, redis_errors(URL):
        raise error
    assert caught.value is error


def test_the_errors_of_a_real_script_pass_unchanged(tmp_path: Path) -> None:
    with real_server(tmp_path) as path:
        client = producer_client(f"unix://{path}")
        with pytest.raises(exceptions.NoScriptError), redis_errors():
            client.evalsha("0" * 40, 0)
        with pytest.raises(exceptions.ResponseError, match="no such luck"), redis_errors():
            client.eval("return redis.error_reply('ERR no such luck')", 0)


def test_a_wrong_and_a_missing_password_are_told_without_it(tmp_path: Path) -> None:
    with real_server(tmp_path, "--requirepass", "right") as path:
        for url in (f"unix://:s3cret@{path}", f"unix://{path}"):
            with (
                pytest.raises(RedisUnavailable, match="the user and the password") as caught,
                redis_errors(url),
            ):
                producer_client(url).ping()
            assert "s3cret" not in str(caught.value)
            assert str(path) in str(caught.value)
        ping(producer_client(f"unix://:right@{path}"))


def test_a_full_server_is_told_as_full_for_a_command_and_for_a_script(tmp_path: Path) -> None:
    settings = ("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    with real_server(tmp_path, *settings) as path:
        client = producer_client(f"unix://{path}")
        with pytest.raises(RedisUnavailable, match="maxmemory reached"), redis_errors():
            client.set("a", "b")
        with pytest.raises(RedisUnavailable, match="maxmemory reached"), redis_errors():
            client.eval("#!lua\nreturn redis.call('SET', KEYS[1], 'b')", 1, "a")
        pipeline = client.pipeline(transaction=False).set("a", "b")
        with pytest.raises(RedisUnavailable, match="maxmemory reached"), redis_errors():
            pipeline.execute()


def test_a_user_without_permission_is_told_so(tmp_path: Path) -> None:
    with real_server(tmp_path) as path:
        producer_client(f"unix://{path}").acl_setuser("guest", enabled=True, nopass=True, commands=["+ping"])
        guest = producer_client(f"unix://guest:any@{path}")
        with pytest.raises(RedisUnavailable, match="without permission"), redis_errors():
            guest.get("a")


def test_a_replica_is_told_as_one(tmp_path: Path) -> None:
    with real_server(tmp_path, "--replicaof", "127.0.0.1 1") as path:
        client = producer_client(f"unix://{path}")
        with pytest.raises(RedisUnavailable, match="replica that only reads"), redis_errors():
            client.set("a", "b")


def test_a_server_that_loads_its_data_is_told_as_loading(tmp_path: Path) -> None:
    with real_server(tmp_path, "--appendonly", "yes", "--aof-use-rdb-preamble", "no") as path:
        pipeline = producer_client(f"unix://{path}").pipeline(transaction=False)
        for number in range(8_000):
            pipeline.set(f"k{number}", "v")
        pipeline.execute()
    (tmp_path / "t.sock").unlink()
    with real_server(tmp_path, "--appendonly", "yes", "--key-load-delay", "100") as path:
        # Without re-sends: it looks at its clients every 1024 keys only, and would be done by the third.
        client = redis.Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0), protocol=2)
        with pytest.raises(RedisUnavailable, match="still loading") as caught, redis_errors():
            client.get("k1")
        assert isinstance(caught.value.__cause__, exceptions.BusyLoadingError)
