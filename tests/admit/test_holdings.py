from __future__ import annotations

import pytest

from tests.admit.fakes import grant
from workstreams.admit import holdings as module
from workstreams.admit.delivery import Grant
from workstreams.admit.holdings import Holdings


def test_nothing_is_compared_until_its_time_or_a_suspicion() -> None:
    holdings = Holdings()
    holdings.begin(Grant.of(grant("a"), 0.0))
    assert holdings.to_compare([]) is None
    holdings.suspect()
    assert holdings.to_compare([]) == ["mail/a~1"]
    assert holdings.to_compare([]) is None


def test_what_ended_is_held_until_its_end_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPARE", 0.0)
    holdings, finish = Holdings(), {"w": "mail", "i": "a", "d": 1}
    holdings.begin(Grant.of(grant("a"), 0.0))
    holdings.begin(Grant.of(grant("b"), 0.0))
    holdings.end(finish)
    holdings.suspect()
    assert sorted(holdings.to_compare([finish]) or []) == ["mail/a~1", "mail/b~1"]
    assert holdings.to_compare([]) == ["mail/b~1"]
