from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.store.servers import real_server
from workstreams.errors import RedisUnavailable
from workstreams.store.client import producer_client, redis_errors
from workstreams.store.keys import Keys
from workstreams.store.library import FRAGMENTS, KEPT, Library, ScriptFailed, library, load, operations
from workstreams.store.scripts import Scripts

LUA = resources.files("workstreams.store").joinpath("lua")
CALL = {"workstream": "mail", "job": "j1"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[redis.Redis]:
    """A client of a server of its own: libraries are everybody's."""
    with real_server(tmp_path) as path, producer_client(f"unix://{path}") as made:
        yield made


def version(number: int) -> Library:
    """The library as another version of the product has it."""
    real = library()
    text = real.text.replace(real.name, "<library>")
    return Library.of(f"{text}-- version {number}\n", real.origin)


def names(client: redis.Redis) -> set[str]:
    found: Any = client.function_list("workstreams_*")
    return {entry[1].decode() for entry in found}


def test_every_operation_is_a_function_of_the_library(client: redis.Redis) -> None:
    load(client, library())
    found: Any = client.function_list(library().name)
    functions = {one[1].decode() for one in found[0][5]}
    assert functions == {library().function(operation) for operation in operations()}


def test_flags_of_an_operation_are_those_of_its_function(client: redis.Redis) -> None:
    load(client, library())
    found: Any = client.function_list(library().name)
    flagged = {one[1].decode() for one in found[0][5] if one[5] == [b"allow-oom"]}
    first_lines = {
        name: LUA.joinpath(f"{name}.lua").read_text("utf-8").splitlines()[0] for name in operations()
    }
    declared = {name for name, line in first_lines.items() if line == "#!lua flags=allow-oom"}
    assert "exchange" in declared
    assert flagged == {library().function(name) for name in declared}


def test_every_line_is_known_by_its_file(client: redis.Redis) -> None:
    whole = library()
    assert len(whole.text.splitlines()) == len(whole.origin)


def test_every_fragment_has_its_place_in_the_order() -> None:
    there = {one.name.removesuffix(".lua") for one in LUA.joinpath("fragments").iterdir()}
    assert sorted(FRAGMENTS) == sorted(there)


@pytest.mark.parametrize("operation", operations())
def test_an_operation_begins_with_what_it_is_and_what_it_is_given(operation: str) -> None:
    text = LUA.joinpath(f"{operation}.lua").read_text("utf-8").removeprefix("#!lua flags=allow-oom\n")
    assert text.startswith(f"-- {operation}: ")
    header = text[: text.index("\n\n")]
    assert "KEYS[1]" in header
    assert "ARGV[1]" in header
    assert "Returns" in header


def test_no_lua_file_is_longer_than_150_lines() -> None:
    files = [*LUA.iterdir(), *LUA.joinpath("fragments").iterdir()]
    lengths = {
        one.name: len(one.read_text("utf-8").splitlines()) for one in files if one.name.endswith(".lua")
    }
    assert {name: length for name, length in lengths.items() if length > 150} == {}


def test_versions_live_beside_each_other_and_one_that_is_there_is_not_loaded_again(
    client: redis.Redis,
) -> None:
    client.config_resetstat()
    for number in (1, 2, 1):
        load(client, version(number))
    assert names(client) == {version(1).name, version(2).name}
    assert Scripts(client, Keys("a"), version(1)).run("job_await", CALL) == b"gone"
    assert Scripts(client, Keys("a"), version(2)).run("job_await", CALL) == b"gone"


def test_years_of_deployments_leave_only_the_last_ones_behind(client: redis.Redis) -> None:
    client.function_load("#!lua name=somebodys\nredis.register_function('theirs', function() return 1 end)")
    for number in range(KEPT + 4):
        load(client, version(number))
    assert names(client) == {version(number).name for number in range(4, KEPT + 4)}
    assert client.fcall("theirs", 0) == 1


def test_processes_of_a_version_that_was_dropped_load_it_again(client: redis.Redis) -> None:
    old = Scripts(client, Keys("a"), version(0))
    assert old.run("job_await", CALL) == b"gone"
    for number in range(1, KEPT + 1):
        load(client, version(number))
    assert version(0).name not in names(client)
    assert old.run("job_await", CALL) == b"gone"
    assert len(names(client)) == KEPT


def test_many_may_load_at_once(client: redis.Redis) -> None:
    answers: list[Any] = []

    def one(number: int) -> None:
        answers.append(Scripts(client, Keys("a"), version(number % 2)).run("job_await", CALL))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [b"gone"] * 16


def test_a_text_that_is_wrong_is_told_with_its_place(client: redis.Redis) -> None:
    real = library()
    line = next(number for number, place in enumerate(real.origin) if place == "fragments/wake.lua:10")
    lines = real.text.splitlines()
    lines[line] = "local = 5"
    with pytest.raises(ScriptFailed, match=r"fragments/wake\.lua:10"):
        load(client, Library.of("\n".join(lines), real.origin))


def test_a_server_that_is_full_takes_none_until_it_has_room(client: redis.Redis) -> None:
    client.config_set("maxmemory", "1")
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        load(client, version(1))
    client.config_set("maxmemory", "0")
    load(client, version(1))


FORBIDDEN = [["-function"], ["-function|load"], ["-fcall"]]


@pytest.mark.parametrize("rights", FORBIDDEN, ids=" ".join)
def test_a_user_who_may_have_no_functions_is_told_in_one_sentence(
    client: redis.Redis, rights: list[str]
) -> None:
    client.acl_setuser("app", True, True, keys=["*"], channels=["*"], categories=["+@all"], commands=rights)
    path = client.connection_pool.connection_kwargs["path"]
    with (
        producer_client(f"unix://app@{path}") as other,
        pytest.raises(RedisUnavailable) as caught,
        redis_errors(),
    ):
        Scripts(other, Keys("a")).run("job_await", CALL)
    assert "functions" in str(caught.value)
    assert "ACL SETUSER" in str(caught.value)


def test_a_user_who_may_not_drop_libraries_may_load_them(client: redis.Redis) -> None:
    for number in range(KEPT + 1):
        load(client, version(number))
    rights = ["-function|delete"]
    client.acl_setuser("app", True, True, keys=["*"], channels=["*"], categories=["+@all"], commands=rights)
    path = client.connection_pool.connection_kwargs["path"]
    with producer_client(f"unix://app@{path}") as other:
        assert Scripts(other, Keys("a"), version(99)).run("job_await", CALL) == b"gone"


def test_a_server_whose_functions_were_taken_away_is_told_in_one_sentence(tmp_path: Path) -> None:
    with (
        real_server(tmp_path, "--rename-command", "FUNCTION", "") as path,
        producer_client(f"unix://{path}") as client,
        pytest.raises(RedisUnavailable, match="FUNCTION or FCALL forbidden"),
        redis_errors(),
    ):
        Scripts(client, Keys("a")).run("job_await", CALL)
