"""What a middleware leaves in the options of a message, and JSON cannot carry, costs no job its end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dramatiq.middleware import Middleware

import workstreams
from tests.finish.conftest import Looker
from tests.support import wait_until, working
from workstreams.wait.broker import WorkstreamBroker


class Spans(Middleware):
    """Keeps an object in a message's options, as tracing does, and a word that can travel."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        message.options["span"] = object()
        message.options["trace"] = "t1"


def test_what_json_cannot_carry_in_the_options_costs_neither_the_retry_nor_its_count(
    mail: WorkstreamBroker, redis_of: Looker, capsys: pytest.CaptureFixture[str]
) -> None:
    mail.add_middleware(Spans())
    runs: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("no")

    with working(mail):
        job = act.send_with(args=(), tenant="acme")
        wait_until(lambda: redis_of.state(job.id) == "done")
    options = json.loads(redis_of.job(job.id)["options"])
    assert (options["retries"], options["tenant"], options["trace"]) == (1, "acme", "t1")
    assert "span" not in options
    assert (len(runs), redis_of.running(), redis_of.events("retrying")) == (2, 0, 1)
    assert "options_left_out" in capsys.readouterr().out


def test_what_json_cannot_carry_in_the_options_keeps_no_one_from_hearing_of_the_last_retry(
    mail: WorkstreamBroker, redis_of: Looker
) -> None:
    mail.add_middleware(Spans())
    told: list[Any] = []

    @workstreams.actor(workstream="text")
    def exhausted(message: dict[str, Any], retries: dict[str, Any]) -> None:
        told.append((message["message_id"], message["options"]["trace"], retries["retries"]))

    @workstreams.actor(workstream="mail", retries=1, on_retry_exhausted="exhausted")
    def act() -> None:
        raise ValueError("never")

    with working(mail):
        job = act.send()
        wait_until(lambda: told)
    assert told == [(job.id, "t1", 1)]
    assert redis_of.state(job.id) == "dead"
