from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import pytest

from tests.state.conftest import App
from tests.store.servers import real_server, wait_until
from workstreams.errors import RedisUnavailable, RedisUnsuitable, UnknownWorkstream
from workstreams.state import Hold, RateUse, SlotUse, WorkstreamState, read_status
from workstreams.store.link import Link

HOUR = 3_600_000_000


def state_of(app: App, name: str) -> WorkstreamState:
    return read_status(app.link, app.config, [name])[0]


def test_before_anything_was_published_the_declared_limits_are_told_as_unused(app: App) -> None:
    states = {state.name: state for state in read_status(app.link, app.config)}
    assert list(states) == list(app.config.workstreams)
    assert not any(state.published or state.waiting or state.hold.record() for state in states.values())
    assert states["one"].concurrency == 1
    assert states["free"].concurrency is None
    assert states["slow"].rates == (RateUse("slow", 2, HOUR, 0),)
    assert states["shared"].slots == (SlotUse("account", 0, 1),)


def test_work_that_no_live_worker_lists_waits_for_one(app: App) -> None:
    app.send("free")
    app.open_session("one")
    state = state_of(app, "free")
    assert (state.waiting, state.workers, state.published) == (1, 0, True)
    assert state.hold == Hold("no worker")


def test_work_that_nothing_holds_is_next(app: App) -> None:
    app.open_session("free", "one")
    app.send("free")
    state = state_of(app, "free")
    assert (state.workers, state.hold) == (1, Hold("next"))


def test_a_worker_whose_lease_ran_out_is_not_counted(app: App) -> None:
    app.send("free")
    app.open_session("free", lease=1)
    wait_until(lambda: state_of(app, "free").workers == 0)
    assert state_of(app, "free").hold.why == "no worker"


def test_a_used_up_rate_is_named_with_the_time_it_is_free(app: App) -> None:
    app.open_session("slow")
    for _ in range(3):
        app.send("slow")
    app.exchange([("slow", 3)])
    state = state_of(app, "slow")
    assert (state.waiting, state.running) == (1, 2)
    assert state.rates == (RateUse("slow", 2, HOUR, 2),)
    assert (state.hold.why, state.hold.limit) == ("rate", "slow")
    assert state.hold.free_at is not None
    assert HOUR - 60_000_000 < state.hold.free_at - state.at < HOUR + 60_000_000


def test_taken_slots_are_told_as_n_of_m(app: App) -> None:
    app.open_session("one")
    app.send("one")
    app.send("one")
    app.exchange([("one", 2)])
    state = state_of(app, "one")
    assert (state.running, state.slots) == (1, (SlotUse("one", 1, 1),))
    assert state.hold == Hold("concurrency", "one", slots=SlotUse("one", 1, 1))
    record = state.hold.record() or {}
    assert (record["reason"], record["limit"], record["used"], record["allowed"]) == (
        "concurrency",
        "one",
        1,
        1,
    )
    assert (record["free_at"], record["of_key"]) == (None, None)


def test_a_shared_limit_that_holds_is_called_by_its_own_name(app: App) -> None:
    app.open_session("shared")
    app.send("shared")
    app.send("shared")
    app.exchange([("shared", 2)])
    state = state_of(app, "shared")
    assert state.hold == Hold("concurrency", "account", slots=SlotUse("account", 1, 1))
    assert state.rates == (RateUse("account", 100, HOUR, 1),)
    assert state.concurrency is None


def test_a_paused_workstream_says_so_even_when_nothing_waits(app: App) -> None:
    app.send("closed", due="+3600000000")
    state = state_of(app, "closed")
    assert state.paused
    assert state.hold == Hold("paused", "closed")


@pytest.mark.parametrize("name", ["free", "one", "slow", "shared", "closed"])
def test_why_work_is_held_is_what_admission_answers(app: App, name: str) -> None:
    app.open_session(name)
    for _ in range(3):
        app.send(name)
    answers = app.exchange([(name, 4)])[4]
    admission = answers[0][1].decode()
    told = state_of(app, name).hold.why
    assert told == ("" if admission == "empty" else admission)


def test_scheduled_work_is_not_waiting_until_it_is_due(app: App) -> None:
    app.send("free", due="+3600000000")
    soon = app.send("free", due="+1000")
    wait_until(lambda: state_of(app, "free").waiting == 1)
    state = state_of(app, "free")
    assert (state.waiting, state.scheduled) == (1, 1)
    assert state.hold.why == "no worker"
    due = app.link.scripts.client.hget(app.key("free", "job", soon), "due")
    assert state.oldest_since == int(due or 0)


def test_the_oldest_wait_began_when_the_first_job_was_sent(app: App) -> None:
    first = app.send("free", key="a")
    app.send("free", key="b")
    sent = app.link.scripts.client.hget(app.key("free", "job", first), "sent")
    state = state_of(app, "free")
    assert state.oldest_since == int(sent or 0)
    assert state.oldest_wait == state.at - int(sent or 0)


def test_what_ended_is_counted_in_its_minute(app: App) -> None:
    app.open_session("free")
    jobs = [app.send("free") for _ in range(3)]
    app.exchange([("free", 3)])
    app.finish("free", jobs[0], "done", late=True)
    app.finish("free", jobs[1], "dead", err='{"type":"ValueError","message":"no"}')
    app.finish("free", jobs[2], "retry", at=60_000_000, opts="{}", err="{}", x="{}")
    state = state_of(app, "free")
    # A minute may begin between two finishes.
    counted = [state.this_minute, state.last_minute]
    assert sum(minute.sent for minute in counted) == 3
    assert sum(minute.done for minute in counted) == 1
    assert sum(minute.failed for minute in counted) == 2
    assert sum(minute.dead for minute in counted) == 1
    assert (state.dead, state.scheduled, state.late, state.running) == (1, 1, 1, 0)


def test_a_foreign_key_in_one_workstream_leaves_the_others_readable(app: App) -> None:
    app.send("one")
    app.send("free")
    client = app.link.scripts.client
    client.delete(app.key("one", "waiting"))
    client.lpush(app.key("one", "waiting"), "not ours")
    # What somebody changes by hand is seen within a second; this is not to wait for it.
    client.hset(app.link.keys.clock, "by", "")
    states = {state.name: state for state in read_status(app.link, app.config)}
    assert states["one"].hold.why == "unreadable"
    assert "WRONGTYPE" in states["one"].problem
    assert (states["free"].waiting, states["free"].problem) == (1, "")


@pytest.mark.parametrize("mark", [b"nonsense", b"\xff\x00", b"9" * 30, b"-5e300"])
def test_nonsense_in_the_clock_is_an_error_with_a_reason_or_overcome(app: App, mark: bytes) -> None:
    app.link.scripts.client.hset(app.link.keys.clock, "mark", mark)
    with contextlib.suppress(RedisUnsuitable):
        assert all(state.at > 0 for state in read_status(app.link, app.config))


def test_a_clock_of_another_type_is_an_error_with_a_reason(app: App) -> None:
    app.link.scripts.client.set(app.link.keys.clock, "text")
    with pytest.raises(RedisUnsuitable, match="give this app another name"):
        read_status(app.link, app.config)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rates", "x:y"), ("rates", "1:0:0:0"), ("concurrency", "many"), ("concurrency", "1e999")],
)
def test_nonsense_in_a_limit_never_raises_anything_else(app: App, field: str, value: str) -> None:
    app.send("one")
    app.link.scripts.client.hset(app.link.keys.limit("one", "settings"), field, value)
    state = state_of(app, "one")
    assert state.waiting == 1 or state.problem


def test_an_undeclared_name_is_refused_with_the_nearest_one(app: App) -> None:
    with pytest.raises(UnknownWorkstream, match='did you mean "slow"'):
        read_status(app.link, app.config, ["slwo"])


def test_more_workstreams_than_fit_in_one_call_come_back_in_order(app: App) -> None:
    names = list(app.config.workstreams) * 20
    assert [state.name for state in read_status(app.link, app.config, names)] == names


def test_a_server_that_is_away_is_told_as_such(app: App) -> None:
    away = Link(lambda: "redis://127.0.0.1:1/0", app.link.keys)
    with pytest.raises(RedisUnavailable):
        read_status(away, app.config)


def test_the_state_can_be_read_when_redis_is_out_of_memory(app: App, tmp_path: Path) -> None:
    with real_server(tmp_path, "--save", "") as path:
        full = App(f"unix://{path}", tmp_path)
        full.send("free")
        full.link.scripts.client.config_set("maxmemory", "1")
        assert state_of(full, "free").waiting == 1
        full.link.close()


def test_a_record_has_the_same_keys_whatever_is_true(app: App) -> None:
    app.send("one")
    records = [state.record() for state in read_status(app.link, app.config)]
    records.append(WorkstreamState(uuid.uuid4().hex, 1, problem="broken").record())
    assert len({tuple(record) for record in records}) == 1
