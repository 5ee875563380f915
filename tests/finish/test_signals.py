from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from dramatiq import RateLimitExceeded

from workstreams.finish.signals import RateLimited


@pytest.mark.parametrize(
    ("after", "wait"),
    [("30s", 30_000_000), (2, 2_000_000), (0.25, 250_000), (timedelta(minutes=1), 60_000_000), (0, 0)],
)
def test_the_wait_is_text_with_a_unit_a_timedelta_or_seconds(after: Any, wait: int) -> None:
    assert RateLimited(retry_after=after).wait == wait


@pytest.mark.parametrize("after", [-1, "30", "soon", float("nan"), float("inf"), 1e12, timedelta(seconds=-1)])
def test_a_wait_without_meaning_is_refused(after: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|duration|unit"):
        RateLimited(retry_after=after)


def test_it_is_dramatiqs_own_so_that_no_traceback_is_logged_for_it() -> None:
    assert isinstance(RateLimited(), RateLimitExceeded)
    assert "1 s" in str(RateLimited())


def test_an_upstream_that_does_not_say_is_asked_again_after_a_second() -> None:
    assert RateLimited(retry_after=None).wait == RateLimited().wait == 1_000_000


def test_a_refusal_is_about_the_workstream_unless_it_says_else() -> None:
    assert RateLimited().scope == "workstream"
    assert RateLimited(scope="twilio-account").scope == "twilio-account"


@pytest.mark.parametrize("scope", ["", None, 5, ["key"]])
def test_a_scope_that_is_no_name_is_refused(scope: Any) -> None:
    with pytest.raises(ValueError, match="expected a scope"):
        RateLimited(scope=scope)
