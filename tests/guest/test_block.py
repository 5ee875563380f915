"""``workstreams.limit`` as its users see it, on a real server."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

import workstreams
from tests.guest.support import held, threads
from tests.support import config_of, wait_until
from workstreams.errors import CostTooHigh, LimitTimeout, PayloadError, RedisUnavailable, UnknownLimit
from workstreams.guest.block import timeout_of
from workstreams.state import read_status
from workstreams.wait.broker import WorkstreamBroker


def used(broker: WorkstreamBroker) -> dict[str, float]:
    """How much of each rate that holds for mail is used."""
    [state] = read_status(broker.link, broker.config, ["mail"])
    return {rate.limit: rate.used for rate in state.rates}


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
