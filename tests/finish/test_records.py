"""What a finish says of a job's options, whatever a middleware made of them."""

from __future__ import annotations

from typing import Any

import orjson

from workstreams.admit.delivery import Delivery, Grant
from workstreams.finish.outcome import Outcome
from workstreams.finish.records import options_to_keep, record_of
from workstreams.send.job import Job


def delivery(stored: dict[str, Any], **now: Any) -> Delivery:
    """A delivery whose record had these options, and whose message has those now."""
    job: Job[None] = Job("mail", "act", (), {}, now, message_id="j1")
    return Delivery(job, Grant("mail", "j1", 1, b"{}", orjson.dumps(stored), 1, "", 0, 0.0, "mail/j1~1"))


def test_an_option_that_cannot_be_kept_stays_as_it_was_when_the_run_began() -> None:
    ran = delivery({"tenant": "acme", "old": 1}, tenant=object(), span=object(), new=2)
    kept, left_out = options_to_keep(ran)
    assert orjson.loads(kept) == {"tenant": "acme", "new": 2}
    assert left_out == ["tenant", "span"]


def test_a_retry_is_counted_whatever_else_the_options_hold() -> None:
    ran = delivery({"retries": 1}, retries=1, span=object())
    record = record_of(ran, Outcome("retry", error={"type": "E", "message": "no", "traceback": "…"}))
    assert orjson.loads(record["opts"])["retries"] == 2


def test_a_refusal_says_what_rests_with_the_job_and_for_how_long() -> None:
    record = record_of(delivery({}), Outcome("defer", wait=30_000_000, why="429", scope="mail"))
    assert (record["o"], record["at"], record["scope"]) == ("defer", 30_000_000, "mail")
    assert "scope" not in record_of(delivery({}), Outcome("defer", wait=30_000_000, why="429"))
