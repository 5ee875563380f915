"""https://dramatiq.io/cookbook.html: error reporting."""

from __future__ import annotations

import sys
from typing import Any

import dramatiq

from tests.dramatiq.support import Start
from tests.support import wait_until
from workstreams.wait.broker import WorkstreamBroker


def test_a_middleware_that_reports_errors_is_given_each_exception(
    worker: Start, queues: WorkstreamBroker
) -> None:
    reported: list[BaseException | None] = []

    class Reports(dramatiq.Middleware):
        def after_process_message(self, *_: Any, exception: BaseException | None = None, **__: Any) -> None:
            if exception is not None:
                assert sys.exc_info()[1] is exception
                reported.append(exception)

    queues.add_middleware(Reports())

    @dramatiq.actor(max_retries=0)
    def fails() -> None:
        raise ValueError("no")

    worker()
    fails.send()
    wait_until(lambda: reported)
    assert [str(error) for error in reported] == ["no"]
