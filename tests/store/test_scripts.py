from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis

from tests.lua.rig import Rig
from workstreams.store.keys import Keys
from workstreams.store.library import Library, library
from workstreams.store.scripts import ScriptFailed, Scripts

RENEW: dict[str, Any] = {"sids": [], "lease": 1, "epoch": "", "fresh": "x"}


@pytest.fixture
def scripts(shared_client: redis.Redis, keys: Keys) -> Scripts:
    return Scripts(shared_client, keys)


@pytest.fixture
def rig(shared_client: redis.Redis, tmp_path: Path) -> Rig:
    made = Rig(shared_client, tmp_path)
    made.publish(mail=None)
    made.open("s1", "mail")
    return made


def test_an_error_names_the_file_and_the_line(scripts: Scripts) -> None:
    scripts.client.set(scripts.keys.clock, "not a hash")
    with pytest.raises(ScriptFailed, match=r"renew: .*fragments/clock\.lua:\d+"):
        scripts.run("renew", RENEW)


def test_an_error_in_the_operation_itself_names_its_own_line(scripts: Scripts) -> None:
    with pytest.raises(ScriptFailed, match=r"renew\.lua:1[0-9]"):
        scripts.run("renew", {"epoch": "", "fresh": "x"})


def test_operations_that_the_server_forgot_are_loaded_again(scripts: Scripts) -> None:
    scripts.run("renew", RENEW)
    # What a restart without its data does to them; other tests' are loaded again in the same way.
    scripts.client.function_flush()
    assert scripts.run("renew", RENEW)[0] == b"x"


def test_operations_that_are_dropped_again_and_again_are_given_up(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def missing(*words: Any) -> None:
        calls.append(words)
        raise redis.ResponseError("Function not found")

    monkeypatch.setattr(scripts.client, "fcall", missing)
    with pytest.raises(redis.ResponseError, match="Function not found"):
        scripts.run("renew", RENEW)
    assert 1 < len(calls) < 10


def test_an_error_that_is_not_the_operations_own_is_left_as_it_is(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def readonly(*_: Any, **__: Any) -> None:
        raise redis.exceptions.ReadOnlyError("You can't write against a read only replica.")

    monkeypatch.setattr(scripts.client, "fcall", readonly)
    in_use = scripts.client.connection_pool.get_connection()
    with pytest.raises(redis.exceptions.ReadOnlyError):
        scripts.run("renew", {})
    assert in_use._sock is not None, "another thread may read from it"
    scripts.client.connection_pool.release(in_use)


def counted(rig: Rig, ws: str) -> Any:
    return rig.client.hgetall(rig.keys.workstream(ws, "count"))


def test_a_call_that_fails_in_the_middle_leaves_nothing_for_the_next(rig: Rig) -> None:
    rig.publish(mail=None, post={"max_waiting": 2})
    client, record = rig.client, rig.keys.workstream("post", "job", "j-post")
    # A send puts its first job, gathers what is to be written at its end, and fails at the second.
    client.set(record, "no job")
    words = [(ws, f"j-{ws}", "", 0, 1, "+60000000", "act", "{}", "{}") for ws in ("mail", "post")]
    with pytest.raises(ScriptFailed, match=r"WRONGTYPE .*send\.lua"):
        rig.send_words(words)
    # An exchange gathers ends, freed slots and totals, and fails before it writes them.
    rig.send("mail", 2)
    first, second = rig.ask("s1", "mail", 2).grants
    before = counted(rig, "mail")
    with pytest.raises(ScriptFailed, match=r"finish\.lua"):
        rig.exchange(rig.call("s1", {"post": 1}, [first.end("done"), second.end("no outcome")]))
    client.delete(record)
    assert counted(rig, "mail") == before
    # Neither is part of what another app's call writes, nor of this one's next.
    other = Rig(client, rig.folder)
    other.publish(mail=None, post=None)
    other.open("s1", "mail")
    other.send("post", 1)
    assert other.waiting("mail") == 0
    assert counted(other, "mail") == {}
    assert counted(other, "post") == {b"sent": b"1"}
    rig.send("post", 1, ids=["p1"])
    assert counted(rig, "mail") == before
    assert counted(rig, "post") == {b"sent": b"1"}


#: Gathers all that a call may gather, in one app, and fails; or writes what it finds gathered.
GATHER = """
redis.register_function('<library>_gather', function(KEYS, ARGV)
  calls.begin(KEYS)
  clock.read('', 'e')
  if cjson.decode(ARGV[1]).gather then
    settings.of('mail')
    events.count('mail', 'sent')
    batch.zadd(keys.ws('mail', 'running'), '1', 'j~1')
    batch.zrem(keys.ws('mail', 'running'), 'j~1')
    ready.put('mail', 'j1', '', '1')
    jobs.schedule('mail', 'j2', clock.now + 60000000)
    jobs.deaths[1] = {ws = 'mail', job = {id = 'j3'}, reason = '{}', read = {'{}', '{"on_dead":"x"}'}}
    ends.kept.mail = 3
    release.freed.mail = true
    error('stopped in the middle')
  end
  release.wake({}); batch.flush(); ready.flush(); ends.forget(); events.flush()
  return {}
end)
"""


def test_whatever_a_failed_call_had_gathered_is_gone_in_the_next(rig: Rig) -> None:
    real = library()
    text = real.text.replace(real.name, "<library>") + GATHER
    functions = Library.of(text, real.origin + ("test",) * GATHER.count("\n"))
    other = Rig(rig.client, rig.folder)
    other.publish(mail=None)
    for one in (other, rig):
        one.send("mail", 1)
        # Whoever is told something without need is a sleeper no longer.
        one.client.zadd(one.keys.workstream("mail", "sleepers"), {"nobody": 1})
    with pytest.raises(ScriptFailed, match="stopped in the middle"):
        Scripts(rig.client, rig.keys, functions).run("gather", {"gather": True})
    before = rig.everything(), other.everything()
    for one in (other, rig):
        assert Scripts(one.client, one.keys, functions).run("gather", {}) == []
    assert (rig.everything(), other.everything()) == before


def test_settings_are_read_anew_by_every_call_and_those_of_two_apps_do_not_mix(
    rig: Rig, shared_client: redis.Redis
) -> None:
    other = Rig(shared_client, rig.folder)
    other.publish(mail={"paused": True})
    other.open("s1", "mail")
    for one in (rig, other):
        one.send("mail", 2)
    assert len(rig.ask("s1", "mail", 1).grants) == 1
    assert other.ask("s1", "mail", 1).why == {"mail": "paused"}
    rig.publish("2", mail={"paused": True})
    assert rig.ask("s1", "mail", 1).why == {"mail": "paused"}
