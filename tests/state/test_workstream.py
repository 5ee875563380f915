from __future__ import annotations

import pytest

from workstreams.state import Hold, Minute, RateUse, SlotUse, WorkstreamState

MINUTE = 60_000_000


@pytest.mark.parametrize(("into", "expected"), [(0, 60 + 4), (MINUTE // 2, 30 + 4), (MINUTE - 1, 4)])
def test_a_rate_per_minute_takes_what_is_missing_of_this_minute_from_the_last(
    into: int, expected: int
) -> None:
    state = WorkstreamState(
        "mail", 100 * MINUTE + into, this_minute=Minute(done=4), last_minute=Minute(done=60)
    )
    assert state.per_minute("done") == pytest.approx(expected, abs=0.01)


def test_failed_attempts_are_those_tried_again_and_those_that_are_not() -> None:
    assert Minute(retried=3, dead=2).failed == 5


def test_a_wait_is_never_negative() -> None:
    assert WorkstreamState("mail", 10, oldest_since=20).oldest_wait == 0
    assert WorkstreamState("mail", 10).oldest_wait is None


def test_use_reads_like_a_sentence() -> None:
    assert str(RateUse("mail", 10, 1_000_000, 7)) == "7 of 10/s"
    assert str(RateUse("mail", 10, 30_000_000, 2.5)) == "2.5 of 10/30s"
    assert str(SlotUse("mail", 3, 5)) == "3 of 5"


def test_nothing_that_waits_has_no_reason() -> None:
    assert Hold("").record() is None
    assert Hold("rate", "mail", 1_000_000).record() == {
        "reason": "rate",
        "limit": "mail",
        "free_at": "1970-01-01T00:00:01.000000Z",
        "used": None,
        "allowed": None,
        "of_key": None,
    }


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (RateUse("mail", 10, 1_000_000, 3.0), "3 of 10/s"),
        (RateUse("tokens", 2_000_000, 60_000_000, 1_234_567.5), "1234567.5 of 2000000/m"),
        (RateUse("tokens", 2_000_000, 60_000_000, 0.0, 1.4e6), "0 of 2000000/m (lowered to 1400000)"),
        (RateUse("mail", 5, 60_000_000, 5.0, 10 / 3), "5 of 5/m (lowered to 3.333)"),
    ],
)
def test_what_a_rate_has_used_is_told_with_all_its_digits(use: RateUse, text: str) -> None:
    assert str(use) == text
