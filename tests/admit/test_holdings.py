from __future__ import annotations

import time

from tests.admit.fakes import grant
from workstreams.admit.delivery import Grant
from workstreams.admit.holdings import COMPARE, Holdings


def test_nothing_is_compared_until_its_time_or_a_suspicion() -> None:
    holdings, now = Holdings(), time.monotonic()
    holdings.begin(Grant.of(grant("a"), 0.0))
    assert not holdings.is_due(now)
    assert holdings.to_compare(now, []) is None
    assert holdings.to_compare(now + COMPARE, []) == ["mail/a~1"]
    assert holdings.to_compare(now + COMPARE, []) is None
    holdings.suspect()
    assert holdings.is_due(now)
    assert holdings.to_compare(now, []) == ["mail/a~1"]


def test_what_ended_is_held_until_its_end_was_told() -> None:
    holdings, finish = Holdings(), {"w": "mail", "i": "a", "d": 1}
    holdings.begin(Grant.of(grant("a"), 0.0))
    holdings.begin(Grant.of(grant("b"), 0.0))
    holdings.end(finish)
    holdings.suspect()
    assert sorted(holdings.to_compare(0.0, [finish]) or []) == ["mail/a~1", "mail/b~1"]
    holdings.suspect()
    assert holdings.to_compare(0.0, []) == ["mail/b~1"]
