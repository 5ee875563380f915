"""What a refusal of the upstream is about, as the finish says it."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from tests.conftest import MakeConfig
from workstreams.admit.delivery import Delivery, Grant
from workstreams.declare.config import Config
from workstreams.finish.outcome import Outcome
from workstreams.finish.scopes import with_limit
from workstreams.send.job import Job


@pytest.fixture
def config(make_config: MakeConfig) -> Config:
    return make_config(
        limits={"account": {"rate": "5/s"}, "other": {"rate": "5/s"}},
        sms={"rate": "2/s", "within": ["account"]},
    )


def delivery(key: str = "") -> Delivery:
    job: Job[None] = Job("sms", "act", (), {}, {}, message_id="j1")
    return Delivery(job, Grant("sms", "j1", 1, b"{}", b"{}", 1, key, 0, 0.0, "sms/j1~1"))


def scope_of(config: Config, scope: str, key: str = "") -> tuple[str, list[Any]]:
    """The scope of the finish, and the lines that were written."""
    with structlog.testing.capture_logs() as lines:
        found = with_limit(Outcome("defer", wait=1, scope=scope), config, delivery(key))
    return found.scope, list(lines)


@pytest.mark.parametrize(
    ("scope", "limit"), [("workstream", "sms"), ("sms", "sms"), ("account", "account"), ("key", "key")]
)
def test_a_scope_is_the_name_of_the_limit_that_rests(config: Config, scope: str, limit: str) -> None:
    assert scope_of(config, scope, key="acme") == (limit, [])


def test_a_job_without_a_key_rests_alone_where_its_key_is_meant(config: Config) -> None:
    assert scope_of(config, "key") == ("", [])


def test_a_limit_that_does_not_hold_there_is_its_workstream_and_a_line_says_so(config: Config) -> None:
    limit, [line] = scope_of(config, "other")
    assert limit == "sms"
    assert (line["event"], line["log_level"], line["scope"]) == ("unknown_scope", "warning", "other")
    assert "workstream, key, sms, account" in line["reason"]


def test_what_is_no_refusal_has_no_scope(config: Config) -> None:
    assert with_limit(Outcome("done"), config, delivery()) == Outcome("done")
