from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.admit.fakes import Bench, Call, answer, grant
from tests.support import wait_until
from workstreams.admit import outbox as module
from workstreams.admit.delivery import Delivery, Grant

Start = Callable[..., Bench]


@pytest.fixture
def start() -> Iterator[Start]:
    benches: list[Bench] = []

    def begin(*replies: Any, **options: Any) -> Bench:
        bench = Bench(*replies, **options)
        benches.append(bench)
        bench.exchange.start()
        return bench

    yield begin
    for bench in benches:
        bench.exchange.close(2)


def next_of(bench: Bench) -> Delivery:
    return bench.queue.get(timeout=5)


def test_it_asks_for_as_many_as_there_are_idle_threads(start: Start) -> None:
    bench = start(answer(grant("a")), answer(), threads=3)
    assert next_of(bench).message_id == "a"
    bench.exchange.wake("mail", 0)
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert [call["wants"] for call in bench.scripts.calls] == [[("mail", 3)], [("mail", 2)]]


def test_while_nothing_wakes_it_it_asks_nothing(start: Start) -> None:
    bench = start(answer())
    wait_until(lambda: bench.scripts.calls)
    time.sleep(0.1)  # nothing happens: there is no condition to wait for
    assert len(bench.scripts.calls) == 1


def test_it_asks_again_when_it_was_told_to(start: Start) -> None:
    began = time.monotonic()
    bench = start(answer(why="rate", wait=60_000), answer())
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert 0.06 <= time.monotonic() - began < 1


def test_a_wake_up_with_a_time_is_kept_until_then(start: Start) -> None:
    bench = start(answer())
    wait_until(lambda: bench.scripts.calls)
    began = time.monotonic()
    bench.exchange.wake("mail", 0.06)
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert 0.06 <= time.monotonic() - began < 1


def test_a_wake_up_for_another_workstream_is_nothing_to_it(start: Start) -> None:
    bench = start(answer())
    wait_until(lambda: bench.scripts.calls)
    bench.exchange.wake("text", 0)
    bench.exchange.wake("*", 0)
    wait_until(lambda: len(bench.scripts.calls) == 2)
    time.sleep(0.05)  # nothing happens: there is no condition to wait for
    assert len(bench.scripts.calls) == 2


def test_a_wake_up_that_comes_during_a_call_is_not_forgotten(start: Start) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(call: Call) -> list[Any]:
        inside.set()
        go_on.wait(5)
        return answer()

    bench = start(slow, answer())
    assert inside.wait(5)
    bench.exchange.wake("mail", 0)
    go_on.set()
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert bench.scripts.calls[1]["wants"] == [("mail", 2)]


def test_a_lost_reply_is_asked_for_again_with_the_same_number(start: Start) -> None:
    gone = redis.ConnectionError("gone")
    bench = start(gone, redis.TimeoutError("slow"), answer(grant("a")), answer())
    assert next_of(bench).message_id == "a"
    first, second, third = bench.scripts.calls[:3]
    assert first == second == third
    # One outage is reported once, and its end.
    assert bench.troubles == [gone, None]


def test_a_finish_is_told_once_however_often_its_reply_is_lost(start: Start) -> None:
    bench = start(answer(grant("a")), redis.ConnectionError("gone"), answer())
    bench.end(next_of(bench))
    wait_until(lambda: len(bench.scripts.calls) >= 3)
    assert bench.finished == ["a"]
    assert bench.scripts.calls[1]["seq"] == bench.scripts.calls[2]["seq"]


def test_a_finish_waits_a_moment_for_others_when_nobody_waits_for_it(start: Start) -> None:
    bench = start(answer(grant("a"), grant("b")), answer(), threads=3)
    deliveries = [next_of(bench), next_of(bench)]
    began = time.monotonic()
    for delivery in deliveries:
        bench.end(delivery)
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert time.monotonic() - began >= module.LINGER
    assert bench.finished == ["a", "b"]


@pytest.mark.parametrize("options", [{"scarce": True, "threads": 2}, {"threads": 1}])
def test_a_finish_leaves_at_once_when_others_wait_for_its_slot_or_more_work_may_wait(
    start: Start, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER", 30.0)
    bench = start(answer(grant("a"), why="" if options["threads"] == 1 else "empty"), answer(), **options)
    bench.end(next_of(bench))
    wait_until(lambda: bench.finished == ["a"], timeout=5)


def test_an_urgent_finish_leaves_at_once_and_takes_the_others_along(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER", 30.0)
    bench = start(answer(grant("a"), grant("b")), answer(), threads=3)
    bench.end(next_of(bench))
    bench.end(next_of(bench), urgent=True)
    wait_until(lambda: bench.finished == ["a", "b"], timeout=5)


def test_a_finish_that_frees_the_slot_it_was_refused_for_asks_in_the_same_call(start: Start) -> None:
    bench = start(answer(grant("a"), why="concurrency"), answer(), scarce=True)
    bench.end(next_of(bench))
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert bench.scripts.calls[1]["wants"] == [("mail", 2)]


def test_many_finishes_leave_in_calls_of_a_bounded_size(start: Start) -> None:
    ids = [f"j{n}" for n in range(600)]
    bench = start(answer(*(grant(one) for one in ids)), answer(), threads=601)
    for delivery in [next_of(bench) for _ in ids]:
        bench.end(delivery)
    wait_until(lambda: len(bench.finished) == 600)
    assert max(len(call["finishes"]) for call in bench.scripts.calls) <= module.MOST_FINISHES
    assert sorted(bench.finished) == sorted(ids)
    wait_until(lambda: bench.lane.busy == 0)


def test_a_refused_finish_is_reported(start: Start) -> None:
    bench = start(answer(grant("a")), answer(refused=[0]), answer())
    bench.end(next_of(bench))
    wait_until(lambda: bench.refused)
    assert bench.refused[0]["i"] == "a"


def test_draining_hands_back_what_no_thread_took_and_asks_for_nothing(start: Start) -> None:
    bench = start(answer(grant("a"), grant("b"), why=""), answer())
    taken = next_of(bench)
    bench.exchange.drain()
    wait_until(lambda: bench.finished)
    bench.end(taken)
    assert bench.exchange.close(5)
    finishes = [finish for call in bench.scripts.calls for finish in call["finishes"]]
    assert [(finish["i"], finish["o"]) for finish in finishes] == [("b", "handback"), ("a", "done")]
    after = [call for call in bench.scripts.calls if call["leaving"] or call["finishes"]]
    assert after[0]["leaving"]
    assert all(not call["wants"] for call in after)
    assert bench.exchange.busy == 0


def test_what_is_given_while_it_drains_goes_back(start: Start) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(call: Call) -> list[Any]:
        inside.set()
        go_on.wait(5)
        return answer(grant("a"), why="")

    bench = start(slow, answer())
    assert inside.wait(5)
    bench.exchange.drain()
    go_on.set()
    wait_until(lambda: bench.finished == ["a"])
    assert bench.queue.qsize() == 0
    assert bench.exchange.busy == 0


def test_closing_says_whether_everything_was_told(start: Start) -> None:
    bench = start(answer(grant("a"), why=""), redis.ConnectionError("gone"), threads=1)
    bench.end(next_of(bench))
    wait_until(lambda: bench.troubles)
    assert bench.exchange.close(0.1) is False
    assert bench.exchange.join(5)


def test_a_lost_session_is_reported_with_the_finishes_it_refuses_and_asks_for_nothing_more(
    start: Start,
) -> None:
    bench = start(answer(grant("a"), why=""), [b"lost", b"epoch"], threads=1)
    bench.end(next_of(bench))
    assert bench.lost.wait(5)
    assert [finish["i"] for finish in bench.refused] == ["a"]
    wait_until(bench.exchange.drained.is_set)
    bench.exchange.wake("*", 0)
    assert bench.exchange.close(5)
    assert len(bench.scripts.calls) == 2


def test_a_session_that_was_opened_again_goes_on_asking(start: Start) -> None:
    bench = start([b"lost", b"epoch"], answer(grant("a")), answer(), goes_on=True)
    assert next_of(bench).message_id == "a"
    assert not bench.exchange.drained.is_set()


def test_settings_that_redis_lost_are_published_and_asked_about_soon(start: Start) -> None:
    bench = start(answer(why="unsettled"), answer())
    assert bench.unsettled.wait(5)
    wait_until(lambda: len(bench.scripts.calls) == 2, timeout=5)


def test_what_cannot_run_here_is_given_back_and_its_thread_takes_the_next(start: Start) -> None:
    bench = Bench(answer(grant("a"), grant("b")), answer(), threads=3)
    make = bench.deliver

    def refuse_one(given: Grant) -> Delivery | dict[str, Any]:
        return given.finish("handback", at=5, x="{}") if given.job_id == "a" else make(given)

    bench.exchange._deliver = refuse_one
    bench.exchange.start()
    assert next_of(bench).message_id == "b"
    wait_until(lambda: bench.finished == ["a"])
    assert (bench.lane.busy, bench.queue.unfinished_tasks) == (1, 1)
    bench.exchange.close(5)


def test_it_tells_the_epoch_it_was_told(start: Start) -> None:
    bench = start(answer(), answer())
    wait_until(lambda: bench.scripts.calls)
    bench.exchange.wake("mail", 0)
    wait_until(lambda: len(bench.scripts.calls) == 2)
    assert bench.scripts.calls[1]["epoch"] == "epoch"


def test_after_an_outage_it_says_what_it_runs_and_stops_what_has_no_lease(start: Start) -> None:
    def forgot(call: Call) -> list[Any]:
        return [*answer()[:5], [b"mail/a~1"]] if call["holds"] else answer()

    bench = start(answer(grant("a"), grant("b")), redis.ConnectionError("gone"), forgot)
    first = next_of(bench)
    next_of(bench)
    bench.end(first, urgent=True)
    wait_until(lambda: bench.gone)
    held = [call["holds"] for call in bench.scripts.calls if call["holds"]]
    assert held[0] == ["mail/b~1"]
    assert bench.gone[0] == "mail/a~1"


def test_a_new_epoch_makes_it_say_what_it_runs(start: Start) -> None:
    bench = start([b"first", *answer(grant("a"))[1:]], [b"second", *answer()[1:]], answer())
    next_of(bench)
    bench.exchange.wake("mail", 0)
    wait_until(lambda: len(bench.scripts.calls) >= 2)
    bench.exchange.wake("mail", 0)
    wait_until(lambda: [call["holds"] for call in bench.scripts.calls if call["holds"]])
    assert next(call["holds"] for call in bench.scripts.calls if call["holds"]) == ["mail/a~1"]
