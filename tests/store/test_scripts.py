from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import redis

from workstreams.store.keys import Keys
from workstreams.store.scripts import ScriptFailed, Scripts, source_of

OPERATIONS = sorted(
    entry.name.removesuffix(".lua")
    for entry in resources.files("workstreams.store").joinpath("lua").iterdir()
    if entry.name.endswith(".lua")
)


@pytest.fixture
def scripts(shared_client: redis.Redis, keys: Keys) -> Scripts:
    return Scripts(shared_client, keys)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_whole_and_loads(scripts: Scripts, operation: str) -> None:
    text, origin = source_of(operation)
    assert "--! include" not in text
    assert len(text.splitlines()) == len(origin)
    scripts.client.script_load(text)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_begins_with_what_it_is_and_what_it_is_given(operation: str) -> None:
    text = source_of(operation)[0].removeprefix("#!lua flags=allow-oom\n")
    assert text.startswith(f"-- {operation}: ")
    header = text[: text.index("\n\n")]
    assert "KEYS[1]" in header
    assert "ARGV[1]" in header
    assert "Returns" in header


def test_no_lua_file_is_longer_than_150_lines() -> None:
    lua = resources.files("workstreams.store").joinpath("lua")
    files = [*lua.iterdir(), *lua.joinpath("fragments").iterdir()]
    lengths = {
        one.name: len(one.read_text("utf-8").splitlines()) for one in files if one.name.endswith(".lua")
    }
    assert {name: length for name, length in lengths.items() if length > 150} == {}


def test_an_error_names_the_file_and_the_line(scripts: Scripts) -> None:
    scripts.client.set(scripts.keys.clock, "not a hash")
    with pytest.raises(ScriptFailed, match=r"renew: .*fragments/clock\.lua:\d+"):
        scripts.run("renew", {"sids": [], "lease": 1, "epoch": "", "fresh": "x"})


def test_an_error_in_the_operation_itself_names_its_own_line(scripts: Scripts) -> None:
    with pytest.raises(ScriptFailed, match=r"renew\.lua:\d+"):
        scripts.run("renew", {"epoch": "", "fresh": "x"})


def test_scripts_that_the_server_forgot_are_loaded_again(scripts: Scripts) -> None:
    call: dict[str, Any] = {"sids": [], "lease": 1, "epoch": "", "fresh": "x"}
    scripts.run("renew", call)
    # What a restart does to them; other tests' scripts are loaded again in the same way.
    scripts.client.script_flush()
    assert scripts.run("renew", call)[0] == b"x"


def test_an_error_that_is_not_the_scripts_own_is_left_as_it_is(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def readonly(*_: Any, **__: Any) -> None:
        raise redis.exceptions.ReadOnlyError("You can't write against a read only replica.")

    monkeypatch.setattr(scripts.client, "register_script", lambda _: readonly)
    with pytest.raises(redis.exceptions.ReadOnlyError):
        scripts.run("renew", {})
