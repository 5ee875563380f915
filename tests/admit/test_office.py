"""Two calls at once: when a second one leaves, and what has to be alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.admit.fakes import Bench, Call, answer, grant
from tests.support import wait_until
from workstreams.admit import outbox as module
from workstreams.admit.delivery import Delivery
from workstreams.admit.lane import Lane

THREADS = 16
BATCH = 8


class Gate:
    """A reply that is held back until it is let go.

    Parameters:
      reply: What it is then.
    """

    def __init__(self, reply: Any) -> None:
        self._reply = reply
        self._open = threading.Event()

    def __call__(self, call: Call) -> list[Any]:
        assert self._open.wait(10)
        found: list[Any] = self._reply(call) if callable(self._reply) else self._reply
        return found

    def open(self) -> None:
        self._open.set()


def batch(first: int) -> list[Any]:
    """A whole batch, and there may be more."""
    return answer(*(grant(f"j{n}") for n in range(first, first + BATCH)), why="")


class Busy:
    """A process of sixteen threads: eight run, and a call for eight more is held back.

    Parameters:
      held: What that call is answered.
      later: What the calls behind it are answered.
    """

    def __init__(self, held: Any, *later: Any, goes_on: bool = False) -> None:
        self.gate = Gate(held)
        self.bench = Bench(batch(0), self.gate, *later, threads=THREADS, goes_on=goes_on, epoch="epoch")
        self.office = self.bench.exchange._office
        self.bench.exchange.start()
        self.running = self.take(BATCH)
        wait_until(lambda: len(self.calls) == 2)

    @property
    def calls(self) -> list[Call]:
        return self.bench.scripts.calls

    def take(self, number: int) -> list[Delivery]:
        return [self.bench.queue.get(timeout=5) for _ in range(number)]

    def end(self, number: int) -> None:
        for _ in range(number):
            self.bench.end(self.running.pop())


@pytest.fixture
def made() -> Iterator[list[Busy]]:
    found: list[Busy] = []
    yield found
    for one in found:
        one.gate.open()
        assert one.bench.exchange.close(5)


def busy(made: list[Busy], held: Any, *later: Any, **options: Any) -> Busy:
    made.append(Busy(held, *later, **options))
    return made[-1]


def test_a_second_call_leaves_when_a_whole_batch_of_threads_is_idle(made: list[Busy]) -> None:
    one = busy(made, batch(BATCH), batch(2 * BATCH), answer())
    one.end(BATCH - 1)
    assert len(one.calls) == 2, "seven threads are no batch, and a call is under way"
    one.end(1)
    wait_until(lambda: len(one.calls) == 3)
    second, third = one.calls[1:3]
    assert third["wants"] == [("mail", BATCH)]
    assert len(third["finishes"]) == BATCH
    assert second["courier"] != third["courier"]
    assert sorted(one.take(1)[0].message_id) == sorted("j16"), "its answer waits for no other"


def test_all_that_two_calls_were_granted_runs_and_no_more_is_asked_for_than_threads_are_idle(
    made: list[Busy],
) -> None:
    one = busy(made, batch(BATCH), batch(2 * BATCH), answer())
    one.end(BATCH)
    wait_until(lambda: len(one.calls) == 3)
    one.gate.open()
    assert len({delivery.message_id for delivery in one.take(THREADS)}) == THREADS
    assert one.bench.lane.idle == 0
    assert one.bench.lane.asked == 0


def test_a_second_call_asks_for_other_workstreams_too_whose_time_has_come(made: list[Busy]) -> None:
    one = busy(made, batch(BATCH), batch(2 * BATCH), answer())
    one.bench.exchange.lanes["text"] = Lane("text", 2, False, None, one.bench.queue)
    one.bench.exchange.wake("text", 0)
    one.end(BATCH)
    wait_until(lambda: len(one.calls) == 3)
    assert one.calls[2]["wants"] == [("mail", BATCH), ("text", 2)]


def test_no_second_call_leaves_where_the_last_answer_gave_less_than_was_asked(
    made: list[Busy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER", 0.0)
    one = busy(made, answer(why="rate", wait=10_000_000), answer(why="rate", wait=10_000_000))
    one.gate.open()
    wait_until(lambda: one.bench.lane.why == "rate")
    held = Gate(answer())
    one.bench.scripts.then(held)
    one.end(1)
    wait_until(lambda: len(one.calls) == 3)
    one.end(BATCH - 1)
    assert not one.bench.lane.has_a_batch
    assert len(one.calls) == 3
    held.open()
    wait_until(lambda: len(one.bench.finished) == BATCH)


def test_what_compares_leases_leaves_alone_and_nothing_beside_it(made: list[Busy]) -> None:
    comparing = Gate(batch(2 * BATCH))
    one = busy(made, batch(BATCH), comparing, answer())
    one.office._holdings.suspect()
    one.end(BATCH)
    assert len(one.calls) == 2, "what the call under way is given is not known yet"
    one.gate.open()
    wait_until(lambda: len(one.calls) == 3)
    assert sorted(one.calls[2]["holds"]) == sorted(f"mail/j{n}~1" for n in range(BATCH, 2 * BATCH))
    one.running = one.take(BATCH)
    one.end(BATCH)
    assert len(one.calls) == 3, "what it compares is what there is"
    comparing.open()
    wait_until(lambda: len(one.calls) == 4)
    assert one.calls[3]["holds"] is None


def test_who_leaves_waits_for_the_call_under_way_and_gives_back_what_it_brings(made: list[Busy]) -> None:
    one = busy(made, batch(BATCH), answer())
    one.end(BATCH)
    wait_until(lambda: len(one.calls) == 3)
    one.bench.exchange.drain()
    assert not any(call["leaving"] for call in one.calls)
    one.gate.open()
    wait_until(lambda: sum(call["leaving"] for call in one.calls) == 1)
    wait_until(lambda: len(one.bench.finished) == 2 * BATCH)
    assert not any(call["wants"] for call in one.calls[3:])


def test_an_outage_that_two_calls_meet_is_reported_once(made: list[Busy]) -> None:
    gone, back = redis.ConnectionError("gone"), threading.Event()

    def while_away(call: Call) -> list[Any]:
        if not back.is_set():
            raise gone
        return answer()

    one = busy(made, while_away, while_away)
    one.end(BATCH)
    wait_until(lambda: one.bench.troubles)
    one.gate.open()
    wait_until(lambda: one.office._away == 2)
    back.set()
    wait_until(lambda: len(one.bench.finished) == BATCH and one.office._away == 0)
    assert one.bench.troubles == [gone, None]


def test_a_lost_session_that_two_calls_hear_of_is_opened_again_once(made: list[Busy]) -> None:
    lost = [b"lost", b"epoch"]
    other = Gate(lost)
    one = busy(made, lost, other, answer(grant("next")), answer(), goes_on=True)
    one.end(BATCH)
    wait_until(lambda: len(one.calls) == 3)
    one.gate.open()
    wait_until(lambda: one.bench.losses == 1)
    other.open()
    assert one.take(1)[0].message_id == "next"
    wait_until(lambda: len(one.bench.refused) == BATCH)
    assert one.bench.losses == 1


def test_closing_ends_who_rests_while_another_tells_what_is_left(made: list[Busy]) -> None:
    one = busy(made, answer(), answer())
    one.end(1)
    closing = threading.Thread(target=one.bench.exchange.close, args=(10,))
    closing.start()
    wait_until(lambda: one.office._closing)
    one.end(BATCH - 1)
    one.gate.open()
    closing.join(10)
    assert one.bench.exchange.join(0)
    assert len(one.bench.finished) == BATCH


def test_an_error_in_taking_an_answer_in_ends_both_couriers_and_is_told(
    made: list[Busy], caplog: pytest.LogCaptureFixture
) -> None:
    one = busy(made, [b"an", b"answer", b"of", b"six", b"odd", b"words"], answer())
    one.gate.open()
    assert one.bench.failed.wait(5)
    assert one.bench.exchange.failed
    assert "exchange_failed" in caplog.text
    made.clear()
    assert one.bench.exchange.close(5)


def test_after_an_error_closing_waits_for_nobody_although_ends_are_left_to_tell(made: list[Busy]) -> None:
    one = busy(made, [b"an", b"answer", b"of", b"six", b"odd", b"words"], answer())
    one.gate.open()
    assert one.bench.failed.wait(5)
    one.end(BATCH)
    made.clear()
    one.bench.exchange.close(5)
    assert one.bench.exchange.join(0)
    assert one.bench.lane.asked == 0
