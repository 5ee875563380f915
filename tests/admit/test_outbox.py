from __future__ import annotations

from typing import Any

import pytest

from workstreams.admit import outbox as module
from workstreams.admit.outbox import LINGER, Outbox


def finish(job_id: str) -> dict[str, Any]:
    return {"w": "mail", "i": job_id, "d": 1, "o": "done"}


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.0)


def test_nothing_is_due_while_there_is_nothing_to_tell() -> None:
    outbox = Outbox()
    assert not outbox.is_due(100.0)
    assert outbox.take() == ([], [])


def test_what_nobody_waits_for_is_due_after_a_moment_from_the_first() -> None:
    outbox = Outbox()
    assert outbox.add(finish("a"), hurry=False)
    assert not outbox.add(finish("b"), hurry=False)
    assert not outbox.is_due(100.0 + LINGER / 2)
    assert outbox.is_due(100.0 + LINGER)


def test_what_somebody_waits_for_is_due_at_once_and_takes_the_rest_along() -> None:
    outbox = Outbox()
    outbox.add(finish("a"), hurry=False)
    assert outbox.add(finish("b"), hurry=True)
    assert not outbox.add(finish("c"), hurry=True)
    assert outbox.is_due(100.0)
    assert [one["i"] for one in outbox.take().finishes] == ["a", "b", "c"]
    assert not outbox.is_due(1000.0)


def test_a_call_carries_a_bounded_number_and_the_rest_is_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FINISHES", 2)
    outbox = Outbox()
    outbox.add(finish("a"), hurry=False)
    assert outbox.add(finish("b"), hurry=False)
    outbox.add(finish("c"), hurry=False)
    assert [one["i"] for one in outbox.take().finishes] == ["a", "b"]
    assert outbox.untold == 3
    assert outbox.is_due(100.0)


def test_a_bound_leaves_with_the_next_call_or_after_a_moment() -> None:
    outbox = Outbox()
    assert outbox.add_bound("mail/a~1", 5)
    assert outbox.is_due(100.0 + LINGER)
    assert outbox.take().bounds == [("mail/a~1", 5)]
    assert outbox.take().bounds == []
