"""Binds the job that runs on a thread, so that everything it logs says whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy

from workstreams.admit.admission import AdmissionMiddleware, worker_name
from workstreams.admit.cancelling import Cancellation, Cancelling
from workstreams.admit.delivery import Delivery
from workstreams.run.charging import Charging
from workstreams.run.context import CurrentJob, bind, unbind
from workstreams.run.under_way import enter, leave
from workstreams.wait.broker import ours

__all__ = ["RunningJob"]


class RunningJob(Middleware):
    """First in the list: its before-hook runs before, and its after-hook after, all others."""

    def __init__(self) -> None:
        self._write: Callable[[str, Mapping[str, Any]], None] = _to_structlog
        self._worker = ""
        self._cancelling = Cancelling()

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        """Learn this process's name, which a fork or exec may have changed since, and who cancels here."""
        self._worker = worker_name()
        for one in broker.middleware:
            if isinstance(one, AdmissionMiddleware):
                self._cancelling = one.cancelling

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Bind the job."""
        if isinstance(message, Delivery):
            enter(message)
            bind(partial(self._describe, broker, message))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Unbind it."""
        unbind()
        leave()

    after_skip_message = after_process_message

    def _describe(self, broker: Broker, delivery: Delivery) -> CurrentJob:
        grant = delivery.grant
        return CurrentJob(
            id=grant.job_id,
            workstream=grant.workstream,
            actor=delivery.actor_name,
            attempt=grant.attempt,
            delivery=grant.delivery,
            key=grant.key,
            worker=self._worker,
            write=self._write,
            cancellation=Cancellation(self._cancelling, grant.name),
            charging=Charging(ours(broker), delivery, self._worker),
        )


def _to_structlog(event: str, fields: Mapping[str, Any]) -> None:
    structlog.get_logger("workstreams.job").info(event, **fields)
