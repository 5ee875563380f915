"""``workstreams.limit`` as its users see it, on a real server."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest
import redis

import workstreams
from tests.conftest import MakeConfig
from tests.support import config_of, wait_until, working
from workstreams.errors import CostTooHigh, LimitTimeout, PayloadError, RedisUnavailable, UnknownLimit
from workstreams.guest.block import timeout_of
from workstreams.state import list_jobs, read_status, read_workers
from workstreams.state.jobs_listing import JobFilter
from workstreams.wait.broker import WorkstreamBroker


@pytest.fixture
def api(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    """A limit of two slots, which mail is within."""
    limits = {"api": {"concurrency": 2}, "slow": {"rate": "4/500ms"}, "tokens": {"rate": "100/h"}}
    broker.configure(
        make_config(limits, mail={"within": ["api", "tokens"], "concurrency": 1, "rate": "50/h"})
    )
    return broker


def held(broker: WorkstreamBroker, limit: str = "api") -> int:
    keys = broker.link.keys
    return int(broker.link.scripts.client.zcard(keys.limit(limit, "holders")))


def used(broker: WorkstreamBroker) -> dict[str, float]:
    """How much of each rate that holds for mail is used."""
    [state] = read_status(broker.link, broker.config, ["mail"])
    return {rate.limit: rate.used for rate in state.rates}


def threads() -> list[str]:
    """Ours that live for the sake of limits."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name in ("workstreams-limits", "workstreams-limits-listener")]


@pytest.fixture
def inside(api: WorkstreamBroker) -> Iterator[list[Any]]:
    """Somebody else holds both slots, until one of these is popped and left."""
    blocks = [workstreams.limit("api") for _ in range(2)]
    for block in blocks:
        block.__enter__()
    yield blocks
    for block in blocks:
        block.__exit__(None, None, None)


def test_a_block_holds_a_slot_and_gives_it_back(api: WorkstreamBroker) -> None:
    with workstreams.limit("api") as block:
        assert held(api) == 1
        assert not block.lost
    assert held(api) == 0


def test_a_slot_is_given_back_whatever_happens_in_the_block(api: WorkstreamBroker) -> None:
    with pytest.raises(ZeroDivisionError), workstreams.limit("api"):
        raise ZeroDivisionError
    assert held(api) == 0


def test_a_workstream_stands_for_all_its_limits(api: WorkstreamBroker) -> None:
    with workstreams.limit("mail", cost={"tokens": 40}):
        assert held(api) == 1
        assert used(api) == {"mail": 1, "tokens": 40}
        with pytest.raises(LimitTimeout) as caught, workstreams.limit("mail", timeout=0):
            pass
    assert (caught.value.limit, caught.value.why, caught.value.retry_after) == ("mail", "concurrency", None)
    # Permits are not given back.
    assert used(api) == {"mail": 1, "tokens": 40}


def test_who_waits_is_let_in_by_who_leaves(api: WorkstreamBroker, inside: list[Any]) -> None:
    entered: list[float] = []

    def enter() -> None:
        with workstreams.limit("api", timeout="10s"):
            entered.append(time.monotonic())

    thread = threading.Thread(target=enter)
    thread.start()
    queue = api.link.keys.limit("api", "queue")
    client = api.link.scripts.client
    wait_until(lambda: client.zcard(queue) == 1 and client.pubsub_numsub(*_channels(client))[0][1])
    left = time.monotonic()
    inside.pop().__exit__(None, None, None)
    thread.join(10)
    # Told, and not found by the look that comes every second.
    assert entered[0] - left < 0.5
    assert held(api) == 1


def _channels(client: redis.Redis) -> list[bytes]:
    return list(client.pubsub_channels("*wake:guest:*")) or [b"none"]


def test_a_rate_is_waited_for_and_not_polled(api: WorkstreamBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(lambda: threads() == [])
    began, calls = time.monotonic(), 0
    run = api.link.scripts.run

    def counted(*words: Any) -> Any:
        nonlocal calls
        calls += 1
        return run(*words)

    monkeypatch.setattr(api.link.scripts, "run", counted)
    for _ in range(8):
        with workstreams.limit("slow"):
            pass
    # Four at once, and the fifth when the first has left the window.
    assert 0.5 <= time.monotonic() - began < 1.4
    # In and out for each, one for the settings and one again for it, and one again for each that waited.
    assert calls <= 16 + 2 + 4
    wait_until(lambda: threads() == [])


def test_a_timeout_says_why_and_for_how_long(api: WorkstreamBroker) -> None:
    for _ in range(4):
        workstreams.limit("slow").__enter__()
    began = time.monotonic()
    with pytest.raises(LimitTimeout) as caught, workstreams.limit("slow", timeout="200ms"):
        pass
    assert time.monotonic() - began >= 0.2
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert (error.limit, error.why) == ("slow", "rate")
    assert error.retry_after is not None
    assert 0 < error.retry_after < 0.5
    assert str(error).startswith('expected room under "slow" within 200ms, found none by the rate of "slow"')


def test_who_gave_up_stands_in_no_line(api: WorkstreamBroker, inside: list[Any]) -> None:
    with pytest.raises(LimitTimeout), workstreams.limit("api", timeout=timedelta(milliseconds=50)):
        pass
    assert api.link.scripts.client.zcard(api.link.keys.limit("api", "queue")) == 0
    inside.pop().__exit__(None, None, None)
    with workstreams.limit("api", timeout=0):
        assert held(api) == 2


@pytest.mark.parametrize("timeout", [5, 1.5, True, "10", "", "soon", timedelta(seconds=-1), [1]])
def test_what_is_no_duration_is_refused_at_once(timeout: Any) -> None:
    with pytest.raises(PayloadError, match="expected a timeout that is a duration"):
        workstreams.limit("api", timeout=timeout)


def test_zero_is_to_try_once_and_none_to_wait_for_ever() -> None:
    assert [timeout_of(one) for one in (0, 0.0, "0s", timedelta(0), "2s", None)] == [
        0,
        0,
        0,
        0,
        2_000_000,
        None,
    ]


def test_an_unknown_name_is_answered_with_the_nearest(api: WorkstreamBroker) -> None:
    with pytest.raises(UnknownLimit, match=r'found "apl" .did you mean "api"'), workstreams.limit("apl"):
        pass


@pytest.mark.parametrize("cost", [0, -1, "2", {"tokens": 1}, {"api": -1}])
def test_a_cost_without_a_meaning_is_refused(api: WorkstreamBroker, cost: Any) -> None:
    with pytest.raises(PayloadError, match="expected"), workstreams.limit("api", cost=cost):
        pass
    assert held(api) == 0


def test_a_cost_that_never_fits_is_refused_as_a_send_is(api: WorkstreamBroker) -> None:
    with pytest.raises(CostTooHigh) as caught, workstreams.limit("mail", cost={"tokens": 101}):
        pass
    assert (caught.value.limit, caught.value.cost, caught.value.permits) == ("tokens", 101, 100)


def test_a_block_is_entered_once(api: WorkstreamBroker) -> None:
    block = workstreams.limit("api")
    with block:
        pass
    with pytest.raises(RuntimeError, match="entered once"), block:
        pass
    assert held(api) == 0


def test_limits_are_published_by_the_first_block(api: WorkstreamBroker) -> None:
    assert api.link.scripts.client.exists(api.link.keys.limit("api", "settings")) == 0
    with workstreams.limit("api"):
        assert held(api) == 1


def test_a_redis_that_is_away_is_told_in_bounded_time(
    app_name: str, tmp_path: Path, api: WorkstreamBroker
) -> None:
    nowhere = f"unix://{tmp_path}/nobody.sock"
    api.configure(config_of(app_name, nowhere, tmp_path, {"mail": None}, {"api": {"concurrency": 1}}))
    began = time.monotonic()
    with pytest.raises(RedisUnavailable), workstreams.limit("api", timeout="60s"):
        pass
    assert time.monotonic() - began < 4


def test_a_redis_that_goes_away_meanwhile_does_not_hide_what_the_block_did(
    api: WorkstreamBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise redis.ConnectionError("gone")

    def work() -> None:
        with workstreams.limit("api"):
            monkeypatch.setattr(api.link.scripts, "run", away)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert "limit_not_given_back" in capsys.readouterr().out


# Its threads and its lease.


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


# Beside jobs.


def test_a_block_gets_its_turn_beside_a_backlog(api: WorkstreamBroker, make_config: MakeConfig) -> None:
    api.configure(make_config({"api": {"concurrency": 1}}, mail={"within": ["api"]}))
    overlaps: list[int] = []
    inside = threading.Lock()

    def alone(seconds: float) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(1)
            return
        time.sleep(seconds)  # the work
        inside.release()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        alone(0.01)

    act.send_many([()] * 300)
    with working(api, 4):
        for _ in range(5):
            with workstreams.limit("api", timeout="3s"):
                alone(0.01)
        [state] = read_status(api.link, api.config, ["mail"])
        assert state.waiting > 0, "there was no backlog, so nothing is shown"
        wait_until(lambda: read_status(api.link, api.config, ["mail"])[0].waiting == 0, 20)
    assert overlaps == []


def test_a_block_is_no_worker_and_no_job(api: WorkstreamBroker) -> None:
    with workstreams.limit("mail"):
        assert read_workers(api.link) == []
        [state] = read_status(api.link, api.config, ["mail"])
        assert state.running == 0
        assert [(slot.limit, slot.used) for slot in state.slots] == [("mail", 1), ("api", 1)]
        assert list_jobs(api.link, api.config, ["mail"], JobFilter()).jobs == ()
        # A worker that ends when nothing is left does not wait for it, nor does a test.
        api.join("mail", timeout=1000)


# In coroutines.


def test_a_coroutine_waits_without_a_thread_and_is_let_in(api: WorkstreamBroker, inside: list[Any]) -> None:
    most = 0

    async def visit() -> None:
        nonlocal most
        async with workstreams.limit("api", timeout="20s"):
            most = max(most, held(api))
            await asyncio.sleep(0.001)

    async def main() -> None:
        # More than the loop has threads.
        tasks = [asyncio.create_task(visit()) for _ in range(60)]
        await asyncio.sleep(0.05)
        inside.pop().__exit__(None, None, None)
        inside.pop().__exit__(None, None, None)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert most == 2
    assert held(api) == 0
    wait_until(lambda: threads() == [])


def test_a_coroutine_that_is_cancelled_while_it_waits_leaves_nothing(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
    async def visit() -> None:
        async with workstreams.limit("api"):
            raise AssertionError("there was no room")

    async def main() -> None:
        tasks = [asyncio.create_task(visit()) for _ in range(5)]
        client, queue = api.link.scripts.client, api.link.keys.limit("api", "queue")
        while client.zcard(queue) < 5:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError)
            for one in await asyncio.gather(*tasks, return_exceptions=True)
        )

    asyncio.run(main())
    assert api.link.scripts.client.zcard(api.link.keys.limit("api", "queue")) == 0
    assert held(api) == 2


def test_a_cancel_that_comes_together_with_a_call_is_not_forgotten(
    api: WorkstreamBroker, inside: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[asyncio.Event] = []

    class Told(asyncio.Event):
        async def wait(self) -> Literal[True]:
            waiting.append(self)
            return await super().wait()

    async def visit() -> None:
        async with workstreams.limit("api"):
            raise AssertionError("there was no room")

    async def main() -> None:
        monkeypatch.setattr(asyncio, "Event", Told)
        task = asyncio.create_task(visit())
        while not waiting:
            await asyncio.sleep(0)
        waiting[0].set()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)

    asyncio.run(main())
    assert held(api) == 2


@pytest.mark.parametrize("moment", [0.0, 0.0002, 0.0005, 0.001, 0.002, 0.004])
def test_a_coroutine_that_is_cancelled_at_any_moment_leaks_no_slot(
    api: WorkstreamBroker, moment: float
) -> None:
    async def visit() -> None:
        async with workstreams.limit("api"):
            await asyncio.sleep(0.0003)

    async def main() -> None:
        for _ in range(20):
            task = asyncio.create_task(visit())
            await asyncio.sleep(moment)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with workstreams.limit("api"):
        pass
    asyncio.run(main())
    assert held(api) == 0
    wait_until(lambda: threads() == [])


def test_a_thread_that_is_interrupted_while_it_waits_leaves_nothing(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
    from dramatiq.middleware import Shutdown, raise_thread_exception

    ended = threading.Event()

    def visit() -> None:
        try:
            with workstreams.limit("api"):
                raise AssertionError("there was no room")
        except Shutdown:
            ended.set()

    thread = threading.Thread(target=visit)
    thread.start()
    queue = api.link.keys.limit("api", "queue")
    wait_until(lambda: api.link.scripts.client.zcard(queue) == 1)
    raise_thread_exception(thread.ident, Shutdown)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
    thread.join(10)
    assert ended.is_set()
    assert api.link.scripts.client.zcard(queue) == 0


class Interrupt(BaseException):
    pass


def interrupt_at(line: int) -> Any:
    """A trace function that raises at a line of ours, counted from where a block is left."""
    seen = 0

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.endswith(("guest/block.py", "guest/visit.py")):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise Interrupt
        return look

    return look


def left_interrupted(line: int) -> bool:
    """Enter a block and leave it; whether the interrupt came before it was left."""
    before = sys.gettrace()
    block = workstreams.limit("api").__enter__()
    sys.settrace(interrupt_at(line))
    try:
        block.__exit__(None, None, None)
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_block_that_is_interrupted_while_it_is_left_is_not_renewed_for_ever(
    api: WorkstreamBroker, make_config: MakeConfig
) -> None:
    api.configure(
        make_config({"api": {"concurrency": 100}}, worker={"lease": "1s"}, mail={"within": ["api"]})
    )
    line = 1
    while left_interrupted(line):
        line += 1
    assert line > 5
    wait_until(lambda: not threads())


def test_a_job_that_waits_for_a_rate_can_be_interrupted_soon(api: WorkstreamBroker) -> None:
    from dramatiq.middleware import Shutdown, raise_thread_exception

    took: list[float] = []

    def visit() -> None:
        try:
            with workstreams.limit("tokens", cost=100):
                raise AssertionError("there was no room")
        except Shutdown:
            took.append(time.monotonic())

    with workstreams.limit("tokens"):
        """It leaves room for less than the thread wants, for an hour."""
    thread = threading.Thread(target=visit)
    thread.start()
    wait_until(lambda: "workstreams-limits-listener" in threads())
    asked = time.monotonic()
    raise_thread_exception(thread.ident, Shutdown)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
    thread.join(30)
    assert took[0] - asked < 5
