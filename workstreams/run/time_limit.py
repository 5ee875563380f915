"""Interrupts a job that runs longer than its workstream, actor or message allows."""

from __future__ import annotations

import threading
from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import TimeLimit
from dramatiq.middleware.threading import is_gevent_active
from dramatiq.middleware.time_limit import TimeLimitExceeded

from workstreams.admit.delivery import Delivery
from workstreams.run.deadlines import Deadlines
from workstreams.wait.broker import ours

__all__ = ["WorkstreamTimeLimit"]

#: Milliseconds between two looks at the deadlines; Dramatiq's own is 1 s.
INTERVAL = 100


class WorkstreamTimeLimit(TimeLimit):
    """Dramatiq's time limit with the workstream's ``timeout`` as its default."""

    def __init__(self) -> None:
        super().__init__(interval=INTERVAL)
        if not is_gevent_active():  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
            self.manager = Deadlines(INTERVAL / 1000)  # type: ignore[assignment]  # it does what theirs does

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Set the deadline: the message's own over its actor's over its workstream's."""
        if not isinstance(message, Delivery):
            return
        broker = ours(broker)
        actor = broker.actors.get(message.actor_name)
        limit = message.options.get("time_limit") or (actor and actor.options.get("time_limit"))
        if limit is None:
            limit = broker.config.workstream(message.grant.workstream).timeout / 1000
        message.on_failure += (self._end_quietly,)
        self.manager.add_timeout(threading.get_ident(), limit)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """The job has ended: its thread is interrupted no more."""
        self._end_quietly(message)

    after_skip_message = after_process_message

    def _end_quietly(self, message: MessageProxy) -> None:
        try:
            self._end()
        except TimeLimitExceeded:
            # Its time was over between its end and this: what it did stays.
            self._end()

    def _end(self) -> None:
        self.manager.remove_timeout(threading.get_ident())  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
