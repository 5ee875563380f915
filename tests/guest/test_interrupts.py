"""A thread that is interrupted around a block leaves nothing behind."""

from __future__ import annotations

import threading
import time
from types import CodeType
from typing import Any

import pytest
from dramatiq.middleware import Shutdown, raise_thread_exception

import workstreams
from tests.conftest import MakeConfig
from tests.guest.support import held, threads
from tests.interrupting import struck
from tests.support import wait_until
from workstreams.errors import LimitTimeout
from workstreams.guest.bell import Bell
from workstreams.wait.broker import WorkstreamBroker


def test_a_thread_that_is_interrupted_while_it_waits_leaves_nothing(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
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


def of_a_block(code: CodeType) -> bool:
    """Whether it is what a thread does for a block, but for its way to Redis."""
    rooms = ("workstreams/guest/", "admit/apart.py", "admit/listener.py")
    return any(room in code.co_filename for room in (*rooms, "threading.py", "contextlib.py", "weakref.py"))


def give_up() -> None:
    with pytest.raises(LimitTimeout), workstreams.limit("tokens", cost=100, timeout="3ms"):
        """It waits for an hour's rate, and so begins to listen."""


def test_who_is_interrupted_anywhere_while_it_waits_neither_holds_up_others_nor_makes_them_deaf(
    api: WorkstreamBroker,
) -> None:
    with workstreams.limit("tokens"):
        """It leaves room for less than the others want."""
    hearing = api.desks._desk.hearing
    queue = api.link.keys.limit("tokens", "queue")
    place = 1
    while struck(give_up, place, of_a_block):
        assert not hearing._waiting, f"after an interrupt at place {place}"
        assert api.link.scripts.client.zcard(queue) == 0, f"after an interrupt at place {place}"
        place += 1
    assert place > 50
    wait_until(lambda: not threads())
    hearing.expect("next", "much", bell := Bell())
    hearing.listen()
    began = time.monotonic()
    bell.wait(10)
    assert time.monotonic() - began < 5
    hearing.forget("next")


def test_a_thread_that_is_interrupted_anywhere_leaves_others_who_wait_as_they_were(
    api: WorkstreamBroker, inside: list[Any]
) -> None:
    entered: list[float] = []

    def enter() -> None:
        with workstreams.limit("api", timeout="20s"):
            entered.append(time.monotonic())

    place, others = 1, [threading.Thread(target=enter) for _ in range(2)]
    for other in others:
        other.start()
    with workstreams.limit("tokens"):
        """It leaves room for less than the one who is interrupted wants."""
    while struck(give_up, place, of_a_block):
        place += 1
    client = api.link.scripts.client
    wait_until(lambda: client.pubsub_numsub(*client.pubsub_channels("*wake:guest:*") or [b"none"])[0][1])
    left = time.monotonic()
    inside.pop().__exit__(None, None, None)
    for other in others:
        other.join(10)
    # Told, and not found by the look that comes every second.
    assert max(entered) - left < 0.5
    assert len(entered) == 2


def visit() -> None:
    with workstreams.limit("api"):
        """There is room."""


def test_a_block_that_is_interrupted_anywhere_leaves_no_slot_and_is_not_renewed_for_ever(
    api: WorkstreamBroker, make_config: MakeConfig
) -> None:
    api.configure(
        make_config({"api": {"concurrency": 100}}, worker={"lease": "1s"}, mail={"within": ["api"]})
    )
    left_at = []
    place, before = 1, 0
    while struck(visit, place, of_a_block):
        if held(api) > before:
            left_at.append(place)
        place, before = place + 1, held(api)
    assert place > 50
    # Who is interrupted before the first step of leaving keeps it, for as long as its lease.
    assert len(left_at) <= 1
    wait_until(lambda: not threads())


def test_a_job_that_waits_for_a_rate_can_be_interrupted_soon(api: WorkstreamBroker) -> None:
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
