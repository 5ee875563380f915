from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from dramatiq import Retry
from dramatiq.middleware import Interrupt
from dramatiq.middleware.shutdown import Shutdown
from dramatiq.middleware.time_limit import TimeLimitExceeded
from hypothesis import given
from hypothesis import strategies as st

from workstreams.finish.outcome import RetryPolicy, backoff, decide, describe
from workstreams.finish.signals import Discard, RateLimited

POLICY = RetryPolicy(most=2, min_backoff=1_000, max_backoff=60_000_000, jitter=0)


@pytest.mark.parametrize(
    ("error", "retries", "kind", "wait"),
    [
        pytest.param(None, 0, "done", 0, id="it returned"),
        pytest.param(ValueError("x"), 0, "retry", 1_000, id="first failure"),
        pytest.param(ValueError("x"), 1, "retry", 2_000, id="second failure"),
        pytest.param(ValueError("x"), 2, "dead", 0, id="retries used up"),
        pytest.param(Retry("again", delay=250), 0, "retry", 250_000, id="it asks for a delay"),
        pytest.param(Retry("again"), 1, "retry", 2_000, id="it asks for a retry"),
        pytest.param(Retry("again", delay=250), 2, "dead", 0, id="it asks once too often"),
        pytest.param(RateLimited(retry_after=3), 2, "defer", 3_000_000, id="rate limited spends nothing"),
        pytest.param(Discard("old"), 0, "discard", 0, id="of no use"),
        pytest.param(Shutdown(), 2, "handback", 0, id="the worker stops"),
        pytest.param(TimeLimitExceeded(), 0, "retry", 1_000, id="too long"),
        pytest.param(Interrupt(), 2, "dead", 0, id="interrupted with no retries left"),
        pytest.param(SystemExit(1), 0, "retry", 1_000, id="a job cannot end its worker"),
        pytest.param(KeyboardInterrupt(), 2, "dead", 0, id="nor by this"),
    ],
)
def test_the_outcome_of(error: BaseException | None, retries: int, kind: str, wait: int) -> None:
    outcome = decide(error, retries, POLICY)
    assert (outcome.kind, outcome.wait) == (kind, wait)
    if kind in ("retry", "dead", "discard"):
        assert outcome.error is not None
        assert outcome.error["type"] == type(error).__name__


def test_an_error_that_is_thrown_on_purpose_is_dead_at_once() -> None:
    policy = dataclasses.replace(POLICY, throws=(KeyError,))
    assert decide(KeyError("x"), 0, policy).kind == "dead"
    assert decide(ValueError("x"), 0, policy).kind == "retry"


def test_retry_when_decides_instead_of_the_count() -> None:
    policy = dataclasses.replace(
        POLICY, when=lambda retries, error: retries < 5 and isinstance(error, KeyError)
    )
    assert decide(KeyError("x"), 4, policy).kind == "retry"
    assert decide(KeyError("x"), 5, policy).kind == "dead"
    assert decide(ValueError("x"), 0, policy).kind == "dead"


def test_a_retry_when_that_fails_leaves_it_to_the_count() -> None:
    def fails(retries: int, error: BaseException) -> bool:
        raise RuntimeError("broken")

    policy = dataclasses.replace(POLICY, when=fails)
    assert decide(ValueError("x"), 1, policy).kind == "retry"
    assert decide(ValueError("x"), 2, policy).kind == "dead"


def test_without_an_end_it_is_retried_for_ever() -> None:
    assert decide(ValueError("x"), 10**6, dataclasses.replace(POLICY, most=None)).kind == "retry"


@given(
    retries=st.integers(0, 10**9),
    least=st.integers(1, 10**12),
    more=st.integers(0, 10**15),
    jitter=st.floats(0, 1),
)
def test_a_backoff_doubles_within_its_bounds(retries: int, least: int, more: int, jitter: float) -> None:
    policy = RetryPolicy(None, least, least + more, jitter)
    base = min(policy.max_backoff, least * 2 ** min(retries, 80))
    wait = backoff(policy, retries)
    assert base * (1 - jitter) - 1 <= wait <= base * (1 + jitter) + 1
    assert wait <= policy.max_backoff
    assert isinstance(wait, int)


def test_chance_spreads_the_retries_of_jobs_that_failed_together() -> None:
    policy = dataclasses.replace(POLICY, min_backoff=1_000_000, jitter=0.5)
    assert len({backoff(policy, 0) for _ in range(50)}) > 25


def failure(message: str) -> BaseException:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_description_has_the_type_the_message_and_where_it_was_raised() -> None:
    described: Any = describe(failure("no such customer"))
    assert (described["type"], described["message"]) == ("ValueError", "no such customer")
    assert "in failure" in described["traceback"]


def test_a_description_is_bounded_however_long_the_error_is() -> None:
    described = describe(failure("x" * 10**6))
    assert len(described["message"]) <= 2_000
    assert len(described["traceback"]) <= 8_000
