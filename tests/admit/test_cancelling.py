from __future__ import annotations

import threading
import time
from functools import partial
from types import CodeType

import pytest

from tests.interrupting import struck
from workstreams.admit import cancelling as module
from workstreams.admit.cancelling import Cancellation, Cancelled, Cancelling
from workstreams.admit.delivery import Delivery, Grant
from workstreams.send.job import Job


def delivery(job_id: str = "j1", number: int = 1) -> Delivery:
    job: Job[None] = Job("mail", "act", (), {}, {}, message_id=job_id)
    return Delivery(job, Grant("mail", job_id, number, b"", b"", 1, "", 0, 0.0, f"mail/{job_id}~{number}"))


class Runner(threading.Thread):
    """A thread that runs one delivery until it is interrupted or told to end."""

    def __init__(self, cancelling: Cancelling, one: Delivery) -> None:
        super().__init__(daemon=True)
        self.cancelling, self.one = cancelling, one
        self.begun, self.enough = threading.Event(), threading.Event()
        self.how = ""

    def run(self) -> None:
        try:
            self.cancelling.begin(self.one)
            self.begun.set()
            while not self.enough.is_set():
                time.sleep(0.001)  # bytecodes between which it is raised
            self.how = "ended"
        except Cancelled:
            self.how = "cancelled"
        self.cancelling.end(self.one)


def test_only_the_thread_of_the_named_delivery_is_interrupted() -> None:
    cancelling = Cancelling()
    mine, other = Runner(cancelling, delivery("a~b/c")), Runner(cancelling, delivery("j2"))
    for runner in (mine, other):
        runner.start()
        assert runner.begun.wait(5)
    cancelling.cancel("mail/a~b/c~1")
    mine.join(5)
    other.enough.set()
    other.join(5)
    assert (mine.how, other.how) == ("cancelled", "ended")


def test_a_delivery_that_was_cancelled_on_its_way_never_begins_and_no_other_suffers() -> None:
    cancelling = Cancelling()
    cancelling.cancel("mail/j1~1")
    cancelling.begin(delivery("j1", 2))
    with pytest.raises(Cancelled):
        cancelling.begin(delivery("j1", 1))
    cancelling.begin(delivery("j1", 1))


def test_after_its_end_nothing_is_raised_in_the_thread_of_a_delivery() -> None:
    cancelling = Cancelling()
    one = delivery()
    cancelling.begin(one)
    cancelling.end(one)
    cancelling.cancel("mail/j1~1")
    assert [time.sleep(0.001) for _ in range(20)]  # bytecodes in which nothing is raised


def interrupt(cancelling: Cancelling, one: Delivery) -> None:
    """Cancel a delivery that runs in this thread, which is told so once."""
    cancelling.begin(one)
    with pytest.raises(Cancelled):  # noqa: PT012 - raised from outside, at any of these lines
        cancelling.cancel("mail/j1~1")
        for _ in range(1000):
            time.sleep(0.001)  # bytecodes between which it is raised


def test_what_cleans_up_is_not_interrupted_once_more() -> None:
    cancelling, one = Cancelling(), delivery()
    interrupt(cancelling, one)
    cancelling.cancel("mail/j1~1")
    assert [time.sleep(0.001) for _ in range(20)]  # bytecodes in which nothing is raised
    cancelling.end(one)


def test_cancels_that_no_delivery_answers_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AWAITED", 2)
    cancelling = Cancelling()
    for number in (1, 2, 3):
        cancelling.cancel(f"mail/j1~{number}")
    cancelling.begin(delivery("j1", 1))
    with pytest.raises(Cancelled):
        cancelling.begin(delivery("j1", 3))


class Asker(Runner):
    """A thread whose delivery asks whether it was cancelled, and is interrupted if it goes on."""

    def __init__(self, cancelling: Cancelling, one: Delivery, heeds: bool) -> None:
        super().__init__(cancelling, one)
        self.heeds, self.cancellation = heeds, Cancellation(cancelling, one.grant.name)

    def run(self) -> None:
        self.cancelling.begin(self.one)
        try:
            assert not self.cancellation.wait(0)
            self.begun.set()
            while not (self.heeds and self.cancellation.wait(0)):
                time.sleep(0.001)  # bytecodes between which it is raised
            # Long enough for an interrupt that would come all the same.
            self.how = "ended" if self.enough.wait(10) else "never told to end"
        except Cancelled:
            self.how = "cancelled"
        self.cancelling.end(self.one)


@pytest.mark.parametrize(("heeds", "how"), [(True, "ended"), (False, "cancelled")])
def test_a_delivery_that_asks_is_told_first_and_interrupted_only_if_it_does_not_ask_again(
    monkeypatch: pytest.MonkeyPatch, heeds: bool, how: str
) -> None:
    monkeypatch.setattr(module, "ASKS_AGAIN", 0.1)
    cancelling = Cancelling()
    asker = Asker(cancelling, delivery(), heeds)
    asker.start()
    assert asker.begun.wait(5)
    cancelling.cancel("mail/j1~1")
    cancelling.cancel("mail/j1~1")
    asker.join(0.5)
    asker.enough.set()
    asker.join(5)
    assert asker.how == how


def test_a_wait_for_a_cancel_ends_with_it_and_otherwise_in_time() -> None:
    cancelling = Cancelling()
    one = delivery()
    cancelling.begin(one)
    cancellation = Cancellation(cancelling, one.grant.name)
    assert not cancellation.wait(0.01)
    threading.Timer(0.05, cancelling.cancel, (one.grant.name,)).start()
    began = time.monotonic()
    assert cancellation.wait(30)
    assert time.monotonic() - began < 15
    cancelling.end(one)


def test_who_asks_only_after_the_interrupt_hears_of_it_as_well() -> None:
    cancelling, one = Cancelling(), delivery()
    interrupt(cancelling, one)
    assert Cancellation(cancelling, one.grant.name).wait(0)
    cancelling.end(one)


def test_a_delivery_that_has_ended_or_never_began_was_not_cancelled() -> None:
    cancelling = Cancelling()
    one = delivery()
    cancelling.begin(one)
    cancelling.end(one)
    cancelling.cancel(one.grant.name)
    assert not Cancellation(cancelling, one.grant.name).wait(0)
    assert not Cancellation(cancelling, "mail/j9~1").wait(0)


@pytest.mark.timeout(30)
def test_threads_that_are_cancelled_at_their_very_end_live_on() -> None:
    cancelling = Cancelling()
    rounds, ended, stray = 3000, 0, 0

    def work() -> None:
        nonlocal ended, stray
        for number in range(rounds):
            one = delivery("j1", number)
            # One block around both, as Dramatiq's worker has: between two blocks nothing would
            # catch an exception that may land between any two bytecodes.
            try:
                cancelling.begin(one)
                cancelling.end(one)
            except Cancelled:
                stray += 1
                cancelling.end(one)
            ended += 1

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    while worker.is_alive():
        for number in range(max(ended - 1, 0), ended + 2):
            cancelling.cancel(f"mail/j1~{number}")
    assert ended == rounds


def test_a_job_that_is_interrupted_anywhere_while_it_waits_for_a_cancel_holds_up_no_cancel() -> None:
    def here(code: CodeType) -> bool:
        return code.co_filename.endswith(("admit/cancelling.py", "threading.py"))

    cancelling, place = Cancelling(), 1
    while True:
        one = delivery(f"j{place}")
        cancelling.begin(one)
        came = struck(partial(Cancellation(cancelling, one.grant.name).wait, 0.001), place, here)
        if one.grant.name in cancelling._flags:
            told = threading.Thread(target=cancelling.cancel, args=(one.grant.name,), daemon=True)
            told.start()
            told.join(5)
            assert not told.is_alive(), f"after an interrupt at place {place}"
        cancelling.end(one)
        if not came:
            break
        place += 1
    assert place > 5
