"""https://dramatiq.io/guide.html: prioritizing messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dramatiq
import pytest

import workstreams
from tests.dramatiq.support import Start
from tests.support import wait_until


def run_in_order(worker: Start, sends: list[Callable[[], Any]], ran: list[str]) -> list[str]:
    for send in sends:
        send()
    worker(threads=1)
    wait_until(lambda: len(ran) == len(sends))
    return ran


def test_of_two_waiting_messages_the_one_whose_actors_number_is_lower_runs_first(worker: Start) -> None:
    ran: list[str] = []

    @dramatiq.actor(priority=10)
    def sync_order_to_warehouse() -> None:
        ran.append("sync")

    @dramatiq.actor(priority=0)
    def generate_report() -> None:
        ran.append("report")

    assert run_in_order(worker, [sync_order_to_warehouse.send, generate_report.send], ran) == [
        "report",
        "sync",
    ]


@pytest.mark.parametrize("decorate", [dramatiq.actor, workstreams.actor])
def test_a_priority_in_words_orders_in_the_store_and_never_reaches_dramatiqs_queue(
    worker: Start, decorate: Any
) -> None:
    ran: list[str] = []

    @decorate(priority="low")
    def low() -> None:
        ran.append("low")

    @decorate(priority="high")
    def high() -> None:
        ran.append("high")

    @decorate
    def normal() -> None:
        ran.append("normal")

    assert (low.priority, high.priority) == (0, 0)
    assert run_in_order(worker, [low.send, normal.send, high.send], ran) == ["high", "normal", "low"]
